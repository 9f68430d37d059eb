"""The parts of `make test`: what runs beside each other, and what runs when nothing else does."""

from __future__ import annotations

from dataclasses import dataclass

from .cores import CORES
from .suites import SUITES, timed_files

PROGRAMS = "programs"


@dataclass(frozen=True)
class Part:
    """``words`` are what `python -m runner` is called with. ``seconds`` is about what it takes: the longest begin first."""

    name: str
    words: tuple[str, ...]
    seconds: int = 0
    # the part that has to pass before this one can begin
    after: str | None = None
    lab: bool = False


# seconds of the folders of tests/integration; one that is not listed is taken as short
_INTEGRATION = {
    "rollout": 240,
    "recovery": 200,
    "hosts": 150,
    "canary": 150,
    "secrecy": 120,
    "pull_secret": 120,
    "cluster": 120,
    "links": 80,
    "registry": 80,
    "docs": 90,
    "audit": 30,
}


def together() -> list[Part]:
    """The parts that can share the machine, in the order of the table."""
    folders = sorted(path.parent.name for path in SUITES["integration"].folder.glob("*/test_*.py"))
    integration = [
        Part(f"integration {name}", ("part", "integration", name), _INTEGRATION.get(name, 10), PROGRAMS, lab=True)
        for name in dict.fromkeys(folders)
    ]
    cores = [
        part
        for core in CORES
        for part in (
            *([] if core.only_roles else [Part(f"core {core.version}", ("core", core.version), 100)]),
            Part(f"core {core.version} plays", ("core-plays", core.version), 40, PROGRAMS, lab=True),
        )
    ]
    return [
        # first of all, since what needs the lab waits for it; it takes a second where everything is built
        Part(PROGRAMS, ("programs",), 10_000),
        Part("lint", ("lint",), 70),
        Part("sanity", ("sanity",), 160),
        Part("units", ("part", "units", ""), 60),
        Part("servers", ("part", "servers", ""), 60, PROGRAMS),
        *integration,
        *cores,
    ]


def alone() -> list[Part]:
    """The parts that measure time."""
    suites = [Part(f"{name}, timed", ("timed", name), 30, PROGRAMS) for name, suite in SUITES.items() if timed_files(suite)]
    cores = [Part(f"core {core.version}, timed", ("core-timed", core.version), 20) for core in CORES if not core.only_roles]
    return [*suites, *cores]

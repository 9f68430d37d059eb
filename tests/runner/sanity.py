"""ansible-test sanity without containers, on a copy of its own for each ansible-core."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from . import collection_copy
from .layout import BUILD, VENV, environment
from .outcomes import Outcome, read_junit
from .processes import stream

LIMIT = 1200
# Said of a test for a kind of file that the collection does not have.
NOTHING_TO_TEST = "No tests applicable."

# ansible-test fetches get-pip from a host that many networks do not let through, although they have a package index.
# Its own options for setuptools and wheel are those of get-pip, not of pip.
BOOTSTRAP = '''"""Stands in for get-pip: pip out of this Python, then the versions that were asked for."""

import subprocess
import sys

wanted = [word for word in sys.argv[1:] if word not in ("--no-setuptools", "--no-wheel")]
subprocess.check_call([sys.executable, "-m", "ensurepip"], stdout=subprocess.DEVNULL)
subprocess.check_call([sys.executable, "-m", "pip", "install", "--quiet", *wanted])
'''


def run(arguments: Sequence[str]) -> Outcome:
    outcome = Outcome("sanity")
    status, reports = ansible_test(VENV, BUILD / "sanity", arguments)
    for report in reports:
        read_junit(outcome, report, ignored_reasons=[NOTHING_TO_TEST])
    if status and not outcome.failed:
        outcome.add(f"ansible-test ended with {status}", status)
    return outcome


def ansible_test(venv: Path, collections: Path, arguments: Sequence[str]) -> tuple[int, list[Path]]:
    """Run ansible-test sanity and return its status and its JUnit reports, one for each test."""
    copy = collection_copy.refresh(collections)
    # ansible-test lists files through the nearest git repository, and that of the checkout ignores the copy.
    subprocess.run(["git", "init", "--quiet", copy], check=True)
    _provide_bootstrap(venv)
    reports = copy / "tests" / "output" / "junit"
    shutil.rmtree(reports, ignore_errors=True)
    status = stream(
        [venv / "bin" / "ansible-test", "sanity", "--python", _minor_version(venv), "--junit", *arguments],
        cwd=copy,
        env=environment(venv, collections),
        limit=LIMIT,
    )
    return status, sorted(reports.glob("*.xml"))


def _provide_bootstrap(venv: Path) -> None:
    """Put the stand-in where ansible-test keeps what it has fetched, unless it has fetched it."""
    [source] = venv.glob("lib/python3*/site-packages/ansible_test/_internal/python_requirements.py")
    for version in re.findall(r"\bpip='([\d.]+)'", source.read_text()):
        script = Path.home() / ".ansible" / "test" / "cache" / f"get_pip_{version.replace('.', '_')}.py"
        if not script.exists():
            script.parent.mkdir(parents=True, exist_ok=True)
            script.write_text(BOOTSTRAP)


def _minor_version(venv: Path) -> str:
    program = "import sys; print('%d.%d' % sys.version_info[:2])"
    return subprocess.run([venv / "bin" / "python", "-c", program], check=True, stdout=subprocess.PIPE, text=True).stdout.strip()

# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Builds the programs of the lab from their Go modules, each once and again only when its sources change."""

from __future__ import annotations

import hashlib
import json
import os
import platform
import re
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from .errors import LabError
from .files import tail, write_private_json
from .places import lab_root, locked
from .toolchain import find_go

Report = Callable[[str], None]

_MODULES = Path(__file__).parent / "go"
_HEARTBEAT_SECONDS = 30
_COMMANDS = {
    "kubernetes": [
        *(
            f"k8s.io/kubernetes/cmd/{name}"
            for name in ("kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubelet", "kubectl")
        ),
        "./kubelet-oracle",
    ],
    "etcd": ["go.etcd.io/etcd/server/v3"],
    "registry": ["github.com/distribution/distribution/v3/cmd/registry"],
    "app": ["."],
}


@dataclass(frozen=True)
class Program:
    """One program to build: `package` of the module in folder `module`."""

    module: str
    package: str

    @property
    def name(self) -> str:
        return self.package.rpartition("/")[2] if self.module == "kubernetes" else self.module

    @property
    def folder(self) -> Path:
        return _MODULES / self.module

    @property
    def linker_flags(self) -> str:
        flags = ["-s", "-w"]
        if self.module == "kubernetes":
            flags += [f"-X k8s.io/component-base/version.{name}={value}" for name, value in _kubernetes_version()]
        return " ".join(flags)

    @property
    def fingerprint(self) -> str:
        """Changes whenever the program has to be built again."""
        digest = hashlib.sha256(f"{platform.machine()}\0{self.package}\0{self.linker_flags}".encode())
        for path in sorted([*self.folder.glob("go.*"), *(self.folder / self.package).glob("*.go")]):
            digest.update(b"\0" + path.name.encode() + b"\0" + path.read_bytes())
        return digest.hexdigest()


def _kubernetes_version() -> list[tuple[str, str]]:
    """Without these a server calls itself by a placeholder that kubectl cannot read."""
    match = re.search(r"^\s*k8s\.io/kubernetes (v(\d+)\.(\d+)\S*)", (_MODULES / "kubernetes" / "go.mod").read_text(), re.M)
    if not match:
        raise LabError("go/kubernetes/go.mod names no version of k8s.io/kubernetes.")
    return [("gitVersion", match[1]), ("gitMajor", match[2]), ("gitMinor", match[3])]


def _needed_go() -> tuple[int, int]:
    newest = (0, 0)
    for path in _MODULES.glob("*/go.mod"):
        match = re.search(r"^go (\d+)\.(\d+)", path.read_text(), re.M)
        if match:
            newest = max(newest, (int(match[1]), int(match[2])))
    return newest


def programs() -> list[Program]:
    return [Program(module, package) for module, packages in _COMMANDS.items() for package in packages]


def build(report: Report = print) -> Path:
    """Build what is missing or out of date; return the folder of the programs."""
    folder = lab_root() / "bin"
    folder.mkdir(exist_ok=True)
    with locked("bin", "another process builds the programs", report):
        stamps = folder / "stamps.json"
        built: dict[str, str] = json.loads(stamps.read_text()) if stamps.exists() else {}
        todo = [item for item in programs() if not _is_current(item, folder, built)]
        go = find_go(_needed_go(), report) if todo else ""
        for number, program in enumerate(todo, start=1):
            hint = "; the first build takes about 9 minutes" if number == 1 and program.module == "kubernetes" else ""
            report(f"building {program.name} ({number} of {len(todo)}{hint}) ...")
            seconds = _compile(go, program, folder, report)
            built[program.name] = program.fingerprint
            write_private_json(stamps, built)
            report(f"built {program.name}: {seconds:.0f} s")
    return folder


def _is_current(program: Program, folder: Path, built: dict[str, str]) -> bool:
    return (folder / program.name).exists() and built.get(program.name) == program.fingerprint


def _compile(go: str, program: Program, folder: Path, report: Report) -> float:
    started = time.monotonic()
    new, log = folder / f".{program.name}.new", folder / "build.log"
    command = [
        go,
        "build",
        "-trimpath",
        "-buildvcs=false",
        "-ldflags",
        program.linker_flags,
        "-o",
        str(new),
        program.package,
    ]
    environment = {"GOTOOLCHAIN": "local", **os.environ, "CGO_ENABLED": "0"}
    with log.open("w") as output:
        compiler = subprocess.Popen(command, cwd=program.folder, env=environment, stdout=output, stderr=output)
        try:
            while not _ended(compiler):
                report(f"  still building {program.name}, {time.monotonic() - started:.0f} s so far")
        finally:
            if compiler.poll() is None:
                compiler.terminate()
                compiler.wait()
    if compiler.returncode:
        raise LabError(f"{program.name} could not be built.", tail(log))
    new.replace(folder / program.name)
    return time.monotonic() - started


def _ended(compiler: subprocess.Popen[bytes]) -> bool:
    try:
        compiler.wait(timeout=_HEARTBEAT_SECONDS)
    except subprocess.TimeoutExpired:
        return False
    return True

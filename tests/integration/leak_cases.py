# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Tasks of every module, good ones and ones that fail in each way, with secrets wherever secrets can stand."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cluster_access import Access
from leaks import SECRETS

Options = dict[str, Any]


@dataclass(frozen=True)
class Case:
    """``way`` is what goes wrong, if anything."""

    module: str
    way: str
    options: Options
    check: bool = False
    wait: bool = False

    @property
    def task(self) -> Options:
        task: Options = {
            f"pullpass.registry.{self.module}": self.options,
            "ignore_errors": True,
            "name": f"{self.module}, {self.way}",
        }
        return {**task, **({"check_mode": True} if self.check else {}), **({"async": 60, "poll": 1} if self.wait else {})}


@dataclass(frozen=True)
class Ground:
    """What the tasks work with. ``apis`` and ``registries`` are hostile servers by the status that they answer with."""

    access: Access
    namespace: str
    ca: str
    apis: dict[int, str]
    registries: dict[int, str]
    folder: Path
    home: Path


def entries(**change: Any) -> list[Options]:
    """A registry for each secret."""
    names = {"user name": SECRETS["user name"]}
    return [
        {"registry": f"r{number}.example.com", "username": names.get(name, "robot"), "password": secret, **change}
        for number, (name, secret) in enumerate(SECRETS.items())
    ]


def document(cut: int = 0) -> Options:
    """A docker config with all of them; with ``cut`` their auth cannot be decoded."""
    auths = {}
    for entry in entries():
        auth = base64.b64encode(f"{entry['username']}:{entry['password']}".encode()).decode()
        auths[entry["registry"]] = {"auth": auth[: len(auth) - cut]}
    return {"auths": auths}


def wrong_credentials(ground: Ground) -> Iterator[tuple[str, Options]]:
    """Ways to give credentials that no module takes."""
    broken = ground.folder / "broken.json"
    broken.write_text(json.dumps(document())[:-2] + ",}")
    latin = ground.folder / "latin.json"
    latin.write_bytes(json.dumps(document(), ensure_ascii=False).encode() + SECRETS["odd"].encode("utf-16"))
    first = entries()[0]
    yield "misspelt suboption", {"registries": [{**one, "passwd": one.pop("password")} for one in entries()]}
    yield "password in a mapping", {"registries": [{**one, "password": {"value": one["password"]}} for one in entries()]}
    yield "password in a list", {"registries": [{**one, "password": [one["password"]]} for one in entries()]}
    yield "password in the user name", {"registries": [{**one, "username": f"a:{one['password']}"} for one in entries()]}
    yield (
        "password in the registry",
        {"registries": [{**first, "registry": f"u:{one['password']}@r.example.com"} for one in entries()]},
    )
    yield "registries as text", {"registries": json.dumps(entries())}
    yield "auth cut off", {"config": document(3)}
    yield "auth in a list", {"config": {"auths": {"r.example.com": {"auth": [json.dumps(document())]}}}}
    yield "config that is not JSON", {"config": " " + broken.read_text()}
    yield "file that is not JSON", {"config_file": str(broken)}
    yield "file in two encodings", {"config_file": str(latin)}
    yield "document as config_file", {"config_file": json.dumps(document())}
    yield "mapping as config_file", {"config_file": document()}
    yield "helper that fails", {"registries": [{"registry": "r.example.com", "credential_helper": "leaky"}]}


def wrong_connections(ground: Ground) -> Iterator[tuple[str, Options]]:
    token = {"host": "https://127.0.0.1:1", "ca_cert": ground.ca}
    for name in ("plain", "both quotes", "like base64"):
        secret = SECRETS[name]
        yield f"server that cannot be reached, {name}", {**token, "api_key": secret}
        yield f"token with a line break, {name}", {**token, "api_key": f"{secret}\n"}
        yield f"host with a login, {name}", {**token, "host": f"https://robot:{secret}@127.0.0.1:1", "api_key": "x1y2z3"}
        yield f"proxy with a login, {name}", {**token, "proxy": f"http://robot:{secret}@127.0.0.1:1", "api_key": "x1y2z3"}
        yield f"kubeconfig as text, {name}", {"kubeconfig": f"users: [{{name: a, user: {{token: {json.dumps(secret)}}}}}]"}
        yield f"key as text, {name}", {**token, "client_key": f"-----BEGIN KEY-----\n{secret}\n", "client_cert": ground.ca}
    for status, url in ground.apis.items():
        yield f"server that repeats everything, {status}", {"host": url, "ca_cert": ground.ca, "api_key": SECRETS["like base64"]}


def cluster_modules(ground: Ground) -> dict[str, Options]:
    one = {"namespaces": [ground.namespace]}
    return {
        "pull_secret": {**one, "name": "regcred", "registries": entries(), "purge_registries": False, "adopt": True},
        "pull_secret_link": {**one, "secrets": ["regcred"]},
        "pull_secret_info": {**one, "images": ["r0.example.com/team/app:1"]},
        "pull_recovery": one,
        "pull_canary": {**one, "image": "r0.example.com/team/app:1", "secrets": ["regcred"], "timeout": 5},
        "image_access_info": {"namespace": ground.namespace, "images": ["r0.example.com/team/app:1"], "registry_timeout": 1},
    }


def credential_modules(ground: Ground) -> dict[str, Options]:
    return {
        "pull_secret": {**ground.access.connection, "namespaces": [ground.namespace], "name": "other"},
        "image_access_info": {"registry_timeout": 1},
        "registry_login": {"path": str(ground.home / "wrong.json"), "verify": "none"},
    }


def good(ground: Ground) -> Iterator[Case]:
    cluster = cluster_modules(ground)
    real = {**cluster["pull_secret"], **ground.access.connection}
    file = str(ground.home / "config.json")
    yield Case("pull_secret", "check mode", real, check=True)
    yield Case("pull_secret", "success", real, wait=True)
    yield Case("pull_secret", "unchanged", {**real, "results": "all"})
    for module in ("pull_secret_link", "pull_secret_info", "pull_recovery", "image_access_info"):
        yield Case(module, "success", {**cluster[module], **ground.access.connection})
    yield Case("registry_login", "check mode", {"registries": entries(), "verify": "none", "path": file}, check=True)
    yield Case("registry_login", "success", {"registries": entries(), "verify": "none", "path": file, "backup": True})
    yield Case("registry_login_info", "success", {"path": file})
    yield Case(
        "registry_login", "store that repeats", {"registries": entries(), "verify": "none", "path": file, "store": "leaky"}
    )
    yield Case(
        "registry_login", "file in a folder that is none", {"registries": entries(), "verify": "none", "path": f"{file}/x"}
    )
    yield Case("pull_secret", "success", {**real, "registries": None, "state": "absent", "purge_registries": True})


def all_cases(ground: Ground) -> list[Case]:
    cases = list(good(ground))
    for module, options in cluster_modules(ground).items():
        cases += [Case(module, way, {**options, **wrong}) for way, wrong in wrong_connections(ground)]
    for module, options in credential_modules(ground).items():
        cases += [Case(module, way, {**options, **wrong}) for way, wrong in wrong_credentials(ground)]
    for status, host in ground.registries.items():
        asked = [{**one, "registry": host} for one in entries()]
        way = f"registry that repeats everything, {status}"
        trust = {"registry_ca_cert": ground.ca, "registry_timeout": 5}
        cases += [Case("image_access_info", way, {"registries": [one], **trust}) for one in asked[:3]]
        cases += [
            Case("registry_login", way, {"registries": [one], **trust, "path": str(ground.home / "new.json")})
            for one in asked[3:]
        ]
    return cases


def covering(cases: list[Case]) -> list[Case]:
    """Each way once, and each module with several."""
    chosen: list[Case] = []
    counts: dict[str, int] = {}
    for way in dict.fromkeys(case.way for case in cases):
        alike = [case for case in cases if case.way == way]
        if way in ("success", "check mode", "unchanged"):
            chosen += alike
            continue
        # answers to a write are what a hostile API server has most of
        case = next(
            (one for one in alike if one.module == "pull_secret" and "repeats" in way),
            min(alike, key=lambda one: counts.get(one.module, 0)),
        )
        counts[case.module] = counts.get(case.module, 0) + 1
        chosen.append(case)
    return chosen

# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Every example of a module, a plugin, the README and docs/ runs as it stands, with the names of the lab."""

from __future__ import annotations

import ast
import base64
import json
import re
import shlex
import ssl
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml
from host_role_support import helper, local
from login_watch import account

from ansible_run import Ansible, Run
from cluster_access import Access
from lab import Lab

ROOT = Path(__file__).parents[3]
# what has an action plugin is a task of a role, and no module that a person calls
_OF_ROLES = {path.name for path in (ROOT / "plugins" / "action").glob("*.py")}
PLUGINS = sorted(
    path for kind in ("modules", "lookup") for path in (ROOT / "plugins" / kind).glob("*.py") if path.name not in _OF_ROLES
)
# pull_secret removes the Secrets at its end, and registry_login logs out of what pull_secret reads
LAST = ("pull_secret", "registry_login", "registry_login_info")
SOURCES = [
    ROOT / "README.md",
    *sorted((ROOT / "docs").glob("*.md")),
    *sorted(PLUGINS, key=lambda path: LAST.index(path.stem) if path.stem in LAST else -1),
]
NEEDS_A_NODE = ("pull_canary.py", "proof.md")


@dataclass(frozen=True)
class Names:
    """What the lab has in the place of the names that the examples use."""

    prefix: str
    registry: str
    realm: str
    digest: str
    account: str
    folder: Path
    ca: Path

    def table(self) -> dict[str, str]:
        """Text of an example -> text of the lab, the longer ones first. Nothing else of an example is changed."""
        return {
            "ghcr.io/example/tool@sha256:2f3d9d1d8a1f6a0a5d5d0c8c7b6a5f4e3d2c1b0a9f8e7d6c5b4a39281706f5e4": self.digest,
            "registry.example.com/team-a\n": f"{self.registry}/team\n",
            "username: team-a": "username: puller",
            "username: ci-bot": "username: puller",
            "registry.example.com:5000": self.registry,
            "registry.example.com": self.registry,
            "endpoint: 10.0.0.5:5000": f"endpoint: {self.registry}",
            "realms: [auth.example.com]": f"realms: ['{self.realm}']",
            "ghcr.io": self.registry,
            "/etc/ssl/internal-ca.pem": str(self.ca),
            "/var/lib/kubelet": str(self.folder / "kubelet"),
            "/var/tmp/audit.json": str(self.folder / "audit.json"),
            "user: gitlab-runner": f"user: {self.account}",
            "name: ci,": f"name: {self.account},",
            "name: root}": f"path: {self.folder}/root.json}}",
            "team-a": f"{self.prefix}-team-a",
            "team-b": f"{self.prefix}-team-b",
            "team-*": f"{self.prefix}-team-*",
            "sandbox-*": f"{self.prefix}-sandbox-*",
            "namespaces: [shop]": f"namespaces: [{self.prefix}-shop]",
            "namespaces: ['*']": f"namespaces: ['{self.prefix}-*']",
        }

    def put_into(self, text: str) -> str:
        table = self.table()
        return re.sub("|".join(map(re.escape, table)), lambda found: table[found[0]], text)


def texts(source: Path) -> list[str]:
    """The YAML of a source: its fenced blocks, or EXAMPLES."""
    text = source.read_text()
    if source.suffix == ".md":
        return re.findall(r"```yaml\n(.*?)```", text, re.DOTALL)
    values = [
        node.value.value
        for node in ast.parse(text).body
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "EXAMPLES" and isinstance(node.value, ast.Constant)
    ]
    assert len(values) == 1, f"{source.name} has no EXAMPLES"
    return [str(value) for value in values]


def is_tasks(text: str) -> bool:
    return isinstance(yaml.safe_load(text), list)


def digest(lab: Lab) -> str:
    """Of the image of registry basic."""
    login = base64.b64encode(f"puller:{lab.users['puller']}".encode()).decode()
    host, _slash, _rest = lab.images["basic"].partition("/")
    asked = urllib.request.Request(
        f"https://{host}/v2/team/app/manifests/1.0",
        headers={"Authorization": f"Basic {login}", "Accept": "application/vnd.oci.image.manifest.v1+json"},
        method="HEAD",
    )
    with urllib.request.urlopen(asked, context=ssl.create_default_context(cafile=str(lab.ca))) as answer:
        return str(answer.headers["Docker-Content-Digest"])


def docker_config(lab: Lab, names: Names) -> str:
    auth = base64.b64encode(f"puller:{lab.users['puller']}".encode()).decode()
    return json.dumps({"auths": {registry: {"auth": auth} for registry in ("https://index.docker.io/v1/", names.registry)}})


def kubeconfig(contexts: Mapping[str, Access]) -> str:
    """Contexts with the names that the examples use; the first is the current one."""
    merged: dict[str, Any] = {"apiVersion": "v1", "kind": "Config", "current-context": next(iter(contexts))}
    parts: dict[str, list[Any]] = {"clusters": [], "users": [], "contexts": []}
    for name, access in contexts.items():
        own = yaml.safe_load(access.cluster.kubeconfig.read_text())
        parts["clusters"].append({"name": name, "cluster": own["clusters"][0]["cluster"]})
        parts["users"].append({"name": name, "user": own["users"][0]["user"]})
        parts["contexts"].append({"name": name, "context": {"cluster": name, "user": name}})
    return json.dumps({**merged, **parts})


@dataclass(frozen=True)
class Ground:
    """A home with the files that the examples take for granted."""

    ansible: Ansible
    names: Names
    variables: dict[str, Any]
    environment: dict[str, str]


@pytest.fixture(scope="module")
def ground(lab: Lab, c1: Access, c2: Access, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ground]:
    home = tmp_path_factory.mktemp("home")
    with account() as runner:
        names = Names(
            prefix=f"ex{runner.pw_name}",
            registry=lab.registry("basic").host,
            realm=urlsplit(lab.registry("bearer").token_server or "").netloc,
            digest=f"{lab.registry('basic').host}/team/app@{digest(lab)}",
            account=runner.pw_name,
            folder=home,
            ca=lab.ca,
        )
        files = {".kube/config": kubeconfig({"production": c1, "berlin": c1, "oslo": c2}), ".docker/config.json": ""}
        files[".docker/config.json"] = docker_config(lab, names)
        for name, content in files.items():
            (home / name).parent.mkdir()
            (home / name).write_text(content)
        answer = json.dumps({"Username": "puller", "Secret": lab.users["puller"]})
        helper(home, "pass", f"cat >/dev/null; echo {shlex.quote(answer)}")
        password = lab.users["puller"]
        entry = {"registry": names.registry, "username": "puller", "password": password}
        variables = {
            "vault_registry_password": password,
            "vault_team_a_password": password,
            "pullpass_registries": [entry],
        }
        environment = {
            "ANSIBLE_LOG_PATH": "/tmp/pp/docs-tmp/ansible.log",
            "SSL_CERT_FILE": str(lab.ca),
            "PATH": f"{home}:/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin",
        }
        yield Ground(Ansible(home), names, variables, environment)


def prepare(c1: Access, names: Names) -> None:
    """Namespaces of two teams and of a shop, with the ServiceAccounts that the examples name, linked to Secret regcred."""
    namespaces = [f"{names.prefix}-{name}" for name in ("team-a", "team-b", "shop")]
    c1.make_namespaces(namespaces)
    c1.wait_for_accounts(namespaces)
    listed = {"imagePullSecrets": [{"name": "regcred"}]}
    for namespace in namespaces:
        c1.core.create_namespaced_service_account(namespace, {"metadata": {"name": "builder"}, **listed})
        c1.core.patch_namespaced_service_account("default", namespace, listed)


def examples(source: Path) -> list[dict[str, Any]]:
    return [task for text in texts(source) if is_tasks(text) for task in yaml.safe_load(text)]


@pytest.fixture(scope="module")
def run(ground: Ground, c1: Access, lab: Lab) -> Run:
    """One run of all examples. The name of each says where it is from, and none that fails keeps the next from running."""
    prepare(c1, ground.names)
    tasks = [
        {**task, "name": f"{source.name}: {task['name']}", "ignore_errors": True}
        for source in SOURCES
        if lab.node_available or source.name not in NEEDS_A_NODE
        for text in map(ground.names.put_into, texts(source))
        if is_tasks(text)
        for task in yaml.safe_load(text)
    ]
    playbook = ground.ansible.folder / "examples.json"
    # the lab is on this machine, where no registry is contacted that an object of the cluster names
    defaults = {"pullpass.registry.image_access_info": {"allow_addresses": ["127.0.0.1"]}}
    playbook.write_text(json.dumps([{"hosts": "localhost", "gather_facts": False, "module_defaults": defaults, "tasks": tasks}]))
    inventory = {"all": {"hosts": {"localhost": local(**ground.variables)}}}
    return ground.ansible.playbook(playbook, inventory, environment=ground.environment)


@pytest.mark.parametrize("source", [one for one in SOURCES if examples(one)], ids=lambda source: source.name)
def test_the_examples(source: Path, run: Run, lab: Lab) -> None:
    if source.name in NEEDS_A_NODE and not lab.node_available:
        pytest.skip(f"needs a node: {lab.node_reason}")
    found = {line["task"]: line for line in run.results}
    for task in examples(source):
        line = found.get(f"{source.name}: {task['name']}")
        assert line, f"'{task['name']}' did not run:\n{run.output[-4000:]}"
        assert line["outcome"] in ("ok", "skipped"), (task["name"], line["result"])
        # a loop over nothing is all that may be skipped
        assert line["outcome"] == "ok" or "loop" in task, task["name"]


def test_each_name_of_the_table_is_used(ground: Ground) -> None:
    text = "".join(block for source in SOURCES for block in texts(source))
    assert [name for name in ground.names.table() if name not in text] == []


def test_every_module_has_an_example() -> None:
    assert [source.name for source in PLUGINS if not examples(source)] == []


def test_the_rollout_of_the_readme(ground: Ground, c1: Access, c2: Access) -> None:
    """Its inventory together with that of docs/hosts.md. test_smoke.py runs the preview and the removal."""
    commands = re.findall(r"^ansible-playbook -i clusters.yml (.*)$", (ROOT / "README.md").read_text(), re.MULTILINE)
    (playbook, *checked), *others = [shlex.split(command, comments=True) for command in commands]
    assert (checked, others) == (["--check", "--diff"], [[playbook], [playbook, "-e", "pullpass_state=absent"]])
    inventory: dict[str, Any] = {"all": {"vars": ground.variables}}
    for name in ("README.md", "docs/hosts.md"):
        (block,) = [text for text in texts(ROOT / name) if not is_tasks(text)]
        inventory.update(yaml.safe_load(ground.names.put_into(block)))
    inventory["container_hosts"]["hosts"] = {name: local() for name in inventory["container_hosts"]["hosts"]}
    team, sandbox = (f"{ground.names.prefix}-{name}" for name in ("team-c", "sandbox-c"))
    for access in (c1, c2):
        access.make_namespaces([team, sandbox])
        access.wait_for_accounts([team, sandbox])

    rollout = ground.ansible.playbook(playbook, inventory, environment=ground.environment)

    assert rollout.exit_code == 0, rollout.output
    for host, access in {"berlin": c1, "oslo": c2}.items():
        assert rollout.recap[host]["changed"] > 0
        assert access.pull_secrets(team) == ["regcred"]
        assert access.document(team)["auths"].keys() == {ground.names.registry}
        assert access.secret(sandbox) is None
    assert rollout.recap["build-1"]["changed"] + rollout.recap["build-2"]["changed"] > 0

# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The rooms of plugins/module_utils: which may import which (CONTRIBUTING.md, "Where a line belongs")."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[4] / "plugins"
FEATURES = ("_pull_secret", "_links", "_audit", "_canary", "_recovery")
# A room imports rooms of lower floors only.
FLOORS = (
    ("_errors", "_text", "_concurrency"),
    ("_credentials",),
    ("_cluster", "_registry", "_host"),
    ("_reconcile", "_diagnosis"),
    FEATURES,
    ("_pull_access",),
    ("_module",),
)
FLOOR = {room: floor for floor, rooms in enumerate(FLOORS) for room in rooms}


def imports(path: Path) -> Iterator[str]:
    """The files of plugins/ that a file imports, as paths below plugins/ without their suffix."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom):
            assert not (node.module or "").startswith("ansible_collections."), f"{path}: not a relative import"
            base = path.parents[node.level - 1] if node.level else None
            for name in node.names if base else ():
                found = base.joinpath(*(node.module or "").split(".")) if base else ROOT
                yield str((found if found.with_suffix(".py").is_file() else found / name.name).relative_to(ROOT))


def files(folder: str = ".") -> list[Path]:
    return sorted((ROOT / folder).rglob("*.py"))


def room(place: str) -> str:
    return place.split("/")[1]


def test_a_room_imports_lower_floors_only() -> None:
    edges = {(room(f"module_utils/{path.relative_to(ROOT / 'module_utils').with_suffix('')}"), room(place), path.name, place)
             for path in files("module_utils") for place in imports(path)}  # fmt: skip
    wrong = [edge for edge in edges if edge[0] != edge[1] and FLOOR[edge[1]] >= FLOOR[edge[0]]]
    assert not wrong, sorted(wrong)


def test_files_do_not_import_each_other_in_a_circle() -> None:
    graph = {str(path.relative_to(ROOT).with_suffix("")): set(imports(path)) for path in files()}
    while graph:
        leaves = {name for name, used in graph.items() if not used & graph.keys()}
        assert leaves, f"a circle among {sorted(graph)}"
        graph = {name: used for name, used in graph.items() if name not in leaves}


def test_only_modules_and_their_edge_know_ansible_module() -> None:
    for path in files("module_utils"):
        if path.parent.name != "_module":
            names = {name.id for name in ast.walk(ast.parse(path.read_text(encoding="utf-8"))) if isinstance(name, ast.Name)}
            names |= {alias.name for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
                      if isinstance(node, ast.ImportFrom) for alias in node.names}  # fmt: skip
            assert "AnsibleModule" not in names, path


def payload(module: str) -> set[str]:
    """The files of the collection that Ansible sends to the host with a module."""
    found: set[str] = set()
    pending = [f"modules/{module}"]
    while pending:
        new = set(imports((ROOT / pending.pop()).with_suffix(".py"))) - found
        found |= new
        pending += new
    return found


def test_a_module_sends_few_files() -> None:
    for module, most in (("registry_login", 38), ("pull_secret", 50)):
        sent = payload(module)
        assert len(sent) <= most, sorted(sent)


def test_a_module_for_hosts_sends_no_files_for_clusters() -> None:
    for module in ("registry_login", "registry_login_info"):
        assert not {place for place in payload(module) if room(place) == "_cluster"}

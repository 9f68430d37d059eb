# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""docs/troubleshooting.md has an entry for each verdict, action, refusal and cause. They are read from the code."""

from __future__ import annotations

import ast
import contextlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = next(folder for folder in Path(__file__).resolve().parents if (folder / "galaxy.yml").is_file())
PAGE = (ROOT / "docs" / "troubleshooting.md").read_text()
TREES = {path: ast.parse(path.read_text()) for path in sorted((ROOT / "plugins").rglob("*.py"))}
WORD = re.compile(r"[a-z_ ]+")


def section(title: str) -> str:
    """The text below a heading, up to the next one of its level."""
    level = title.partition(" ")[0]
    found = re.search(rf"^{re.escape(title)}\n(.*?)(?=^#{{1,{len(level)}}} |\Z)", PAGE, re.DOTALL | re.MULTILINE)
    assert found, f"docs/troubleshooting.md has no section '{title}'"
    return found[1]


def first_column(text: str) -> list[str]:
    """What stands in backquotes in the first column of the tables."""
    cells = [line.split("|")[1] for line in text.splitlines() if line.startswith("|")]
    return [word for cell in cells for word in re.findall(r"`([^`]+)`", cell)]


def constants(body: list[ast.stmt]) -> dict[str, Any]:
    """Name -> value of what a module or class (an enum) defines, as far as it can be reported."""
    found: dict[str, Any] = {}
    for node in body:
        if isinstance(node, ast.Assign):
            for target in node.targets:
                names = target.elts if isinstance(target, ast.Tuple) else [target]
                values = node.value.elts if isinstance(target, ast.Tuple) and isinstance(node.value, ast.Tuple) else [node.value]
                for name, value in zip(names, values, strict=False):
                    with contextlib.suppress(ValueError):
                        found[ast.unparse(name)] = ast.literal_eval(value)
    return found


def public_words(known: dict[str, Any]) -> set[str]:
    return {value for name, value in known.items() if name[0] != "_" and isinstance(value, str) and WORD.fullmatch(value)}


CONSTANTS = {path: constants(tree.body) for path, tree in TREES.items()}
# those of a module, and those of each of its classes
SCOPES = {
    path: [CONSTANTS[path], *(constants(node.body) for node in ast.walk(tree) if isinstance(node, ast.ClassDef))]
    for path, tree in TREES.items()
}


def words_beside(name: str) -> set[str]:
    """The words of the one module or enum that defines ``name``, among others of its kind."""
    homes = [known for scopes in SCOPES.values() for known in scopes if isinstance(known.get(name), str)]
    (words,) = [words for words in map(public_words, homes) if len(words) > 4]
    return words


def returned(module: Path) -> dict[str, Any]:
    return yaml.safe_load(CONSTANTS[module].get("RETURN") or "") or {}


def described(fields: dict[str, Any], name: str) -> set[str]:
    """The words in C(...) of the description of every return value of this name."""
    found: set[str] = set()
    for key, value in fields.items():
        if key == name:
            found |= set(re.findall(r"C\(([a-z_]+)\)", str(value["description"])))
        found |= described(value.get("contains") or {}, name)
    return found


def documented_actions() -> dict[str, set[str]]:
    """Module -> its actions: what RETURN says, its summary counts, and its code names."""
    found = {}
    for path in sorted((ROOT / "plugins" / "modules").glob("*.py")):
        fields = returned(path)
        actions = described(fields, "action")
        if actions:
            counted = fields.get("summary", {}).get("sample") or {}
            found[path.stem] = actions | counted.keys() | set(CONSTANTS[path].get("ACTIONS") or ())
    return found


def test_every_verdict() -> None:
    in_results = {word for path in TREES if path.parent.name == "modules" for word in described(returned(path), "verdict")}
    verdicts = words_beside("RATE_LIMITED")

    assert in_results - verdicts == set()
    assert sorted(first_column(section("## Verdicts"))) == sorted(verdicts)


@pytest.mark.parametrize(("module", "actions"), documented_actions().items())
def test_every_action(module: str, actions: set[str]) -> None:
    assert sorted(first_column(section(f"### {module}"))) == sorted(actions)


def test_every_kind_of_answer_of_an_api_server() -> None:
    assert sorted(first_column(section("## Answers of the API server"))) == sorted(words_beside("TERMINATING"))


def texts(node: ast.AST) -> Iterator[str]:
    """Texts in an expression, those in an f-string joined by three dots."""
    if isinstance(node, ast.JoinedStr):
        yield "".join(str(one.value) if isinstance(one, ast.Constant) else "..." for one in node.values)
    elif isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value
    else:
        for child in ast.iter_child_nodes(node):
            yield from texts(child)


FUNCTIONS = {
    path: {node.name: node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)} for path, tree in TREES.items()
}


def called(node: ast.AST) -> Iterator[str]:
    """Names of the functions whose answer an expression is, as it stands."""
    if isinstance(node, ast.Call):
        yield ast.unparse(node.func).rpartition(".")[2]
    elif isinstance(node, (ast.BoolOp, ast.IfExp)):
        for one in ast.iter_child_nodes(node):
            yield from called(one)


def answers(name: str, path: Path) -> Iterator[str]:
    """What a function of this name returns, of the same file or of the only other one that has it."""
    homes = [path] if name in FUNCTIONS[path] else [one for one, known in FUNCTIONS.items() if name in known]
    for home in homes if len(homes) == 1 else ():
        for node in ast.walk(FUNCTIONS[home][name]):
            if isinstance(node, ast.Return) and node.value:
                yield from texts(node.value)


def refuses(expression: ast.AST, actions: tuple[str, ...]) -> bool:
    """Whether it names one of these actions: as a text, as a constant, or as the function or exception that decides for it."""
    names = {
        ast.unparse(node).rpartition(".")[2]
        for node in ast.walk(expression)
        if isinstance(node, (ast.Attribute, ast.Name)) and not ast.unparse(node).startswith("FailureKind")
    }
    return any({action.upper(), f"_{action}", f"_{action.title()}"} & names or action in texts(expression) for action in actions)


def reasons(function: ast.FunctionDef, path: Path, actions: tuple[str, ...]) -> Iterator[str]:
    """Sentences that stand behind an action, or are the answer of a function that is called for one."""
    assigned = [node for node in ast.walk(function) if isinstance(node, ast.Assign)]
    rows = [[node.func, *node.args] for node in ast.walk(function) if isinstance(node, ast.Call)]
    rows += [node.args for node in ast.walk(function) if isinstance(node, ast.Call)]
    rows += [node.elts for node in ast.walk(function) if isinstance(node, ast.Tuple)]
    for action, *others in filter(None, rows):
        for argument in others if refuses(action, actions) else ():
            names = {node.id for node in ast.walk(argument) if isinstance(node, ast.Name)}
            values = [node.value for node in assigned if ast.unparse(node.targets[0]) in names]
            yield from (str(CONSTANTS[path][name]) for name in names & CONSTANTS[path].keys())
            for value in (argument, *values):
                yield from texts(value)
                for name in called(value):
                    yield from answers(name, path)


def refusals(*actions: str) -> dict[str, str]:
    """Sentence -> its file."""
    return {
        text: str(path.relative_to(ROOT))
        for path, functions in FUNCTIONS.items()
        # what an API server refuses is a kind of failure
        if "_cluster" not in path.parts
        for function in functions.values()
        for text in reasons(function, path, actions)
        if len(text.split()) > 3
    }


@pytest.mark.parametrize(
    ("title", "actions"),
    [
        ("### A Secret is `refused`, a list is `contested`", ("refused", "contested")),
        ("### A Pod is `blocked`", ("blocked",)),
        ("### A Pod is `left`", ("left",)),
    ],
)
def test_every_refusal(title: str, actions: tuple[str, ...]) -> None:
    quoted = first_column(section(title))
    found = refusals(*actions)

    assert len(found) > 3
    missing = {text: path for text, path in found.items() if not any(one in text for one in quoted)}
    assert missing == {}, f"docs/troubleshooting.md, '{title}': quote a part of each in the first column, and explain it"


def test_every_cause_of_a_stuck_pod() -> None:
    """What a sentence of the file about causes begins with, up to its colon, and the kinds that it tells apart."""
    (path,) = [one for one in TREES if re.fullmatch(r".*causes?", one.stem) and "module_utils" in one.parts]
    heads = re.compile(r"([a-z][a-z ]+(?:Secret)?|[A-Z]{2,4}): .*", re.DOTALL)
    sentences = {found[1] for text in texts(TREES[path]) if (found := heads.match(text))}
    kinds = {value for known in SCOPES[path] for key, value in known.items() if key[0] != "_" and isinstance(value, str)}
    kinds |= {
        str(node.elts[0].value)
        for node in ast.walk(TREES[path])
        if isinstance(node, ast.Tuple) and len(node.elts) == 2 and isinstance(node.elts[0], ast.Constant)
    }

    assert len(sentences) > 8
    assert len(kinds) > 10
    assert (sentences | kinds) - set(first_column(section("## Causes of stuck Pods"))) == set()


@pytest.mark.parametrize("title", ["## Refusals", "## Causes of stuck Pods"])
def test_what_the_page_quotes_is_still_said(title: str) -> None:
    said = [text for path, tree in TREES.items() if {"module_utils", "plugin_utils"} & {*path.parts} for text in texts(tree)]

    assert [quoted for quoted in first_column(section(title)) if not any(quoted in text for text in said)] == []

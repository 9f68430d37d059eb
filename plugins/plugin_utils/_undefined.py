# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE to the collection.
"""Variables that cannot be evaluated: the place of the error, and the missing name.

The texts of ansible-core's own exceptions are never shown: up to 2.18 they contain the value around the missing name, with its
passwords. ``default(x, true)`` hides a nested undefined variable, so every value is evaluated separately.
"""

from __future__ import annotations

import typing as t
from collections.abc import Mapping

import jinja2
from ansible.errors import AnsibleError
from jinja2 import nodes

from ..module_utils._text import shown

Evaluate = t.Callable[[t.Any], t.Any]
_FAILURES = (AnsibleError, jinja2.TemplateError, TypeError, ValueError, KeyError, AttributeError, RecursionError)
_LOOKUPS = ("lookup", "query", "q")
_DEEPEST = 20


def evaluated(name: str, variables: Mapping[str, t.Any], evaluate: Evaluate) -> tuple[t.Any, str]:
    """The value of the variable, or why it cannot be evaluated: a sentence without any value."""
    search = _Search(variables, evaluate)
    try:
        value = whole(evaluate(variables[name]))
    except _FAILURES as error:
        return None, search.sentence(name, variables[name], error, 0)
    return value, search.behind_default(variables[name], 0)


def whole(value: t.Any) -> t.Any:
    """The value with all its parts evaluated, which ansible-core 2.19 and newer do at their first use."""
    if isinstance(value, Mapping):
        return {key: whole(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [whole(inner) for inner in value]
    # up to ansible-core 2.18 the value of a vault is an object that str() decrypts
    return str(value) if getattr(value, "__ENCRYPTED__", False) else value


def _failure(value: t.Any, evaluate: Evaluate) -> Exception | None:
    try:
        whole(evaluate(value))
    except _FAILURES as error:
        return error
    return None


class _Search:
    def __init__(self, variables: Mapping[str, t.Any], evaluate: Evaluate) -> None:
        self._variables = variables
        self._evaluate = evaluate

    def sentence(self, place: str, value: t.Any, error: Exception, depth: int) -> str:
        """For the innermost part that fails."""
        for inner_place, inner in _parts(place, value):
            inner_error = _failure(inner, self._evaluate)
            if inner_error is not None and depth < _DEEPEST:
                return self.sentence(inner_place, inner, inner_error, depth + 1)
        tree = _tree(value)
        missing = []
        for name in _names(tree):
            if name not in self._variables:
                missing.append(name)
                continue
            inner_error = _failure(self._variables[name], self._evaluate)
            if inner_error is not None and depth < _DEEPEST:
                return self.sentence(name, self._variables[name], inner_error, depth + 1)
        return _worded(place, tree, missing, error)

    def behind_default(self, value: t.Any, depth: int) -> str:
        """The sentence for a variable that exists, cannot be evaluated, and is hidden by the filter default."""
        for _place, inner in _parts("", value):
            found = self.behind_default(inner, depth + 1) if depth < _DEEPEST else ""
            if found:
                return found
        for name in _defaulted(_tree(value)):
            if name in self._variables and depth < _DEEPEST:
                error = _failure(self._variables[name], self._evaluate)
                if error is not None:
                    return self.sentence(name, self._variables[name], error, depth + 1)
                found = self.behind_default(self._variables[name], depth + 1)
                if found:
                    return found
        return ""


def _parts(place: str, value: t.Any) -> list[tuple[str, t.Any]]:
    if isinstance(value, Mapping):
        return [(f"{place}.{shown(str(key), 60)}", inner) for key, inner in value.items()]
    if isinstance(value, (list, tuple)):
        return [(f"{place}[{number}]", inner) for number, inner in enumerate(value)]
    return []


def _tree(value: t.Any) -> nodes.Template | None:
    if not isinstance(value, str):
        return None
    try:
        return jinja2.Environment(autoescape=True, extensions=["jinja2.ext.do", "jinja2.ext.loopcontrols"]).parse(str(value))
    except jinja2.TemplateError:
        return None


def _names(tree: nodes.Template | None) -> list[str]:
    if tree is None:
        return []
    stored = {node.name for node in tree.find_all(nodes.Name) if node.ctx != "load"}
    found = [node.name for node in tree.find_all(nodes.Name) if node.ctx == "load" and node.name not in stored]
    return [name for name in dict.fromkeys(found) if name not in (*_LOOKUPS, "omit", "range", "dict", "namespace", "now")]


def _defaulted(tree: nodes.Template | None) -> list[str]:
    """Names of variables that the filter default gets."""
    filters = [] if tree is None else list(tree.find_all(nodes.Filter))
    found = [one.node for one in filters if one.name.rpartition(".")[2] in ("default", "d")]
    return [node.name for node in found if isinstance(node, nodes.Name)]


def _worded(place: str, tree: nodes.Template | None, missing: list[str], error: Exception) -> str:
    # of several, those in the exception's text; only names in the template itself are searched there
    named = [name for name in missing if f"'{name}' is undefined" in str(error)] or missing
    if named:
        return f"{place} uses the undefined variable {' or '.join(map(shown, named))}."
    chains = _attributes(tree)
    if chains and "undefined" in type(error).__name__.lower():
        return f"{place} uses an undefined attribute of a variable: {' or '.join(map(shown, chains))}."
    lookups = _lookups(tree)
    through = f" in lookup {' or '.join(map(shown, lookups))}" if lookups else ""
    return f"{place} cannot be evaluated: {type(error).__name__}{through}. The text is not shown, since it may contain a secret."


def _attributes(tree: nodes.Template | None) -> list[str]:
    found = [] if tree is None else [_chain(node) for node in tree.find_all((nodes.Getattr, nodes.Getitem))]
    return [one for one in dict.fromkeys(found) if one and not any(other.startswith(f"{one}.") for other in found)]


def _chain(node: t.Any) -> str:
    """``a.b.c``; empty for an expression with other parts than names."""
    if isinstance(node, nodes.Name):
        return node.name
    if isinstance(node, nodes.Getattr):
        before, name = _chain(node.node), node.attr
    elif isinstance(node, nodes.Getitem) and isinstance(node.arg, nodes.Const) and isinstance(node.arg.value, str):
        before, name = _chain(node.node), node.arg.value
    else:
        return ""
    return f"{before}.{name}" if before else ""


def _lookups(tree: nodes.Template | None) -> list[str]:
    calls = [] if tree is None else list(tree.find_all(nodes.Call))
    firsts = [call.args[0] for call in calls if isinstance(call.node, nodes.Name) and call.node.name in _LOOKUPS and call.args]
    return [first.value for first in firsts if isinstance(first, nodes.Const) and isinstance(first.value, str)]

# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE to the collection.
"""Options that must be text, and mappings of such options.

With `type: str` Ansible converts a number, a boolean or a mapping to text before a module sees it: 0123456 becomes 42798, no
becomes False. So these options are `type: raw`, and their type is checked here.
"""

from __future__ import annotations

import json
import typing as t

from ansible.module_utils.common.validation import check_type_bool, check_type_dict, check_type_path

from .._credentials.registry_key import shown_key
from .._errors import InputError
from .._text import listed, shown

if t.TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    Check = Callable[[str, t.Any], t.Any]
    Names = Sequence[tuple[str, str]]

_QUOTES = (
    ' In YAML write it in quotes. For a value from a template or an INI inventory use the filter string: "{{ value | string }}".'
)
_TYPE_NAMES: tuple[tuple[t.Any, str], ...] = (
    (bool, "a boolean (YAML also reads yes, no, on and off as booleans)"),
    ((int, float), "a number"),
    (dict, "a mapping"),
    ((list, tuple), "a list"),
)


class RawOption(dict[str, t.Any]):
    """An entry of an argument spec. ``kind`` is the documented type, ``check`` gets the name and the value.

    ``options`` are those of a mapping, or of the mappings in a list.
    """

    kind = "str"
    elements: str | None = None
    check: Check | None = None
    options: Mapping[str, RawOption] = {}


def text(**spec: t.Any) -> RawOption:
    """Text."""
    return _option("str", _text, spec)


def text_or_integer(**spec: t.Any) -> RawOption:
    """Text, or an integer such as a version number, which has one usual text."""
    return _option("str", _text_or_integer, spec)


def path(**spec: t.Any) -> RawOption:
    """Text in which variables and the home folder are expanded, as with `type: path`."""
    return _option("path", lambda where, value: check_type_path(_text(where, value)), spec)


def boolean(**spec: t.Any) -> RawOption:
    return _option("bool", _boolean, spec)


def texts(**spec: t.Any) -> RawOption:
    """A list of texts, or one text with commas between them."""
    made = _option("list", _texts, spec)
    made.elements = "str"
    return made


def whole_texts(**spec: t.Any) -> RawOption:
    """A list of texts, or one text that is not split at commas: in a label selector a comma means "and"."""
    return _option("raw", lambda where, value: [value] if isinstance(value, str) else _texts(where, value), spec)


def mapping(options: Mapping[str, RawOption], **spec: t.Any) -> RawOption:
    made = _option("dict", lambda where, value: _members(where, _mapping(where, value), options), spec)
    made.options = options
    return made


def mappings(
    options: Mapping[str, RawOption], named_by: str, together: Names = (), exclusive: Names = (), **spec: t.Any
) -> RawOption:
    """A list of mappings; messages contain the number of a mapping and its member ``named_by``."""

    def check(where: str, value: t.Any) -> list[dict[str, t.Any]]:
        found = []
        for index, entry in enumerate(_entries(where, value)):
            place = f"{where}[{index}]"
            given = _mapping(place, entry)
            name = given.get(named_by)
            if isinstance(name, str):
                place += f" ({shown_key(name)})"
            members = _members(place, given, options)
            _check_pairs(place, members, together, exclusive)
            found.append(members)
        return found

    made = _option("list", check, spec)
    made.elements, made.options = "dict", options
    return made


def check_raw_options(spec: Mapping[str, t.Any], params: dict[str, t.Any]) -> None:
    """Replace the given values by the checked ones. Raises InputError, which contains no value."""
    for name, option in spec.items():
        if isinstance(option, RawOption) and option.check and (params.get(name) is not None or option.get("required")):
            params[name] = option.check(name, params.get(name))


def secrets_given(spec: Mapping[str, t.Any], params: Mapping[str, t.Any]) -> Iterator[str]:
    """The texts in options and suboptions with `no_log`, also where the value around them is malformed."""
    for name, option in spec.items():
        if option.get("no_log"):
            yield from _texts_within(params.get(name))
        if not isinstance(option, RawOption) or not option.options:
            continue
        for entry in _readable_entries(params.get(name)):
            for part, inner in option.options.items():
                if inner.get("no_log"):
                    yield from _texts_within(entry.get(part))


def _option(kind: str, check: Check, spec: Mapping[str, t.Any]) -> RawOption:
    made = RawOption({"type": "raw", **spec})
    made.kind, made.check = kind, check
    return made


def _text(where: str, value: t.Any) -> str:
    if isinstance(value, str):
        return value
    raise InputError(f"{where} is {_type_name(value)}, not text.{_remedy(value)}")


def _text_or_integer(where: str, value: t.Any) -> str:
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else _text(where, value)


def _boolean(where: str, value: t.Any) -> bool:
    try:
        return check_type_bool(value)
    except TypeError:
        raise InputError(f"{where} is not a boolean. Give true or false.") from None


def _texts(where: str, value: t.Any) -> list[str]:
    if isinstance(value, str):
        return [part.strip() for part in value.split(",")]
    if not isinstance(value, (list, tuple)):
        raise InputError(f"{where} is {_type_name(value)}, not a list of texts.{_remedy(value)}")
    return [_text(f"{where}[{index}]", one) for index, one in enumerate(value)]


def _entries(where: str, value: t.Any) -> Sequence[t.Any]:
    if isinstance(value, str):
        return _entries_in_text(value)
    if not isinstance(value, (list, tuple)):
        raise InputError(f"{where} is {_type_name(value)}, not a list of mappings. Begin each entry with '- ' in YAML.")
    return value


def _entries_in_text(value: str) -> Sequence[t.Any]:
    """As JSON, or in Ansible's format on a command line: ``registry=a username=b,registry=c``."""
    if value.lstrip().startswith("["):
        try:
            return json.loads(value)
        except ValueError:
            return [value]
    return value.split(",")


def _mapping(where: str, value: t.Any) -> Mapping[str, t.Any]:
    if isinstance(value, str):
        try:
            value = check_type_dict(value)
        except (TypeError, ValueError):
            raise InputError(f"{where} is text, not a mapping. Write its members as name: value in YAML.") from None
    if not isinstance(value, dict):
        raise InputError(f"{where} is {_type_name(value)}, not a mapping. Write its members as name: value in YAML.")
    return value


def _members(where: str, given: Mapping[str, t.Any], options: Mapping[str, RawOption]) -> dict[str, t.Any]:
    unknown = [str(name) for name in given if name not in options]
    if unknown:
        raise InputError(f"{where}: unknown option {listed(sorted(unknown))}. Known options are {', '.join(sorted(options))}.")
    found: dict[str, t.Any] = {}
    for name, option in options.items():
        value = given.get(name)
        if value is not None and option.check:
            found[name] = option.check(f"{where}: {name}", value)
            if found[name] not in option.get("choices", [found[name]]):
                expected = ", ".join(option["choices"])
                raise InputError(f"{where}: {name} is '{shown(str(found[name]))}'. Expected one of {expected}.")
        elif option.get("required"):
            raise InputError(f"{where}: {name} is missing. Add it.")
        else:
            found[name] = option.get("default")
    return found


def _check_pairs(where: str, members: Mapping[str, t.Any], together: Names, exclusive: Names) -> None:
    for pair in together:
        given = [name for name in pair if members[name] is not None]
        if len(given) == 1:
            missing = next(name for name in pair if name not in given)
            raise InputError(f"{where}: {given[0]} is given without {missing}. Give both.")
    for pair in exclusive:
        if all(members[name] is not None for name in pair):
            raise InputError(f"{where}: {pair[0]} and {pair[1]} are both given. Leave one of them out.")


def _remedy(value: t.Any) -> str:
    """YAML reads some texts as numbers or booleans unless they are in quotes."""
    return _QUOTES if isinstance(value, (bool, int, float)) else ""


def _type_name(value: t.Any) -> str:
    if value is None:
        return "null"
    return next((words for kind, words in _TYPE_NAMES if isinstance(value, kind)), f"of type {type(value).__name__}")


def _readable_entries(value: t.Any) -> list[Mapping[str, t.Any]]:
    found = [value] if isinstance(value, dict) else _entries_in_text(value) if isinstance(value, str) else value
    entries = []
    for entry in found if isinstance(found, (list, tuple)) else ():
        try:
            entries.append(_mapping("", entry))
        except InputError:
            continue
    return entries


def _texts_within(value: t.Any) -> Iterator[str]:
    pending = [value]
    while pending:
        one = pending.pop()
        if isinstance(one, str):
            yield one
        elif isinstance(one, dict):
            pending += one.values()
        elif isinstance(one, (list, tuple)):
            pending += one

# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""_text_options: what is not text is refused with its place, and no value is shown."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from ansible_collections.pullpass.registry.plugins.module_utils._errors import InputError
from ansible_collections.pullpass.registry.plugins.module_utils._module import text_options as options
from ansible_collections.pullpass.registry.plugins.module_utils._module.credential_options import CREDENTIAL_OPTIONS
from specifications import MODULES
from specifications import options as of_module

SECRET = "Zq7-secret-Zq7"
GOOD = {"registry": "ghcr.io", "username": "u", "password": SECRET}
# what YAML 1.1 makes of 0123456, yes, 12:30:45, 1_000, 1.10, null and a JSON key
NOT_TEXT = [
    (42798, "a number"),
    (True, "a boolean"),
    (False, "a boolean"),
    (45045, "a number"),
    (1.1, "a number"),
    (0, "a number"),
    ({"type": SECRET}, "a mapping"),
    ([SECRET], "a list"),
]


def checked(name: str, value: Any) -> Any:
    params = {name: copy.deepcopy(value)}
    spec = CREDENTIAL_OPTIONS | {"namespaces": options.texts(), "name": options.text()}
    options.check_raw_options(spec, params)
    return params[name]


def message(name: str, value: Any) -> str:
    with pytest.raises(InputError) as raised:
        checked(name, value)
    assert SECRET not in str(raised.value)
    return str(raised.value)


@pytest.mark.parametrize(("value", "words"), NOT_TEXT)
@pytest.mark.parametrize("part", ["username", "password", "registry", "email", "credential_helper", "endpoint", "ca_cert"])
def test_a_member_of_registries_that_is_not_text_is_refused_with_its_place(part: str, value: Any, words: str) -> None:
    reported = message("registries", [GOOD, {**GOOD, "registry": "quay.io", part: value}])
    place = "registries[1]" if part == "registry" else "registries[1] (quay.io)"
    assert reported.startswith(f"{place}: {part} is {words}")
    assert "42798" not in reported
    # quotes are the remedy for what YAML takes for a number or a boolean
    assert ('"{{ value | string }}"' in reported) is isinstance(value, (bool, int, float))


@pytest.mark.parametrize(("value", "words"), NOT_TEXT)
def test_a_name_that_is_not_text_is_refused_with_its_place(value: Any, words: str) -> None:
    assert message("namespaces", ["a", value]).startswith(f"namespaces[1] is {words}")
    assert message("name", value).startswith(f"name is {words}")
    assert message("config_registries", [value]).startswith(f"config_registries[0] is {words}")


@pytest.mark.parametrize("value", [83, True, 1.5, {"a": SECRET}])
def test_a_list_that_is_not_a_list_is_refused(value: Any) -> None:
    assert message("namespaces", value).startswith("namespaces is a")
    assert message("registries", value).startswith("registries is a")


def test_a_required_option_that_is_null_is_refused() -> None:
    with pytest.raises(InputError, match="^name is null, not text"):
        options.check_raw_options({"name": options.text(required=True)}, {"name": None})


@pytest.mark.parametrize(
    ("given", "expected"),
    [("a,b", ["a", "b"]), ("a, b ", ["a", "b"]), ("", [""]), ([], []), (["a,b"], ["a,b"]), (("a",), ["a"]), (None, None)],
)
def test_a_list_may_be_one_text_with_commas(given: Any, expected: Any) -> None:
    assert checked("namespaces", given) == expected


def test_a_selector_keeps_its_commas() -> None:
    params: dict[str, Any] = {"s": "team=a,stage!=test"}
    options.check_raw_options({"s": options.whole_texts()}, params)
    assert params == {"s": ["team=a,stage!=test"]}


@pytest.mark.parametrize(
    "given",
    [
        [GOOD],
        (GOOD,),
        f"registry=ghcr.io username=u password={SECRET}",
        [f"registry=ghcr.io username=u password={SECRET}"],
        f'[{{"registry": "ghcr.io", "username": "u", "password": "{SECRET}"}}]',
        [f'{{"registry": "ghcr.io", "username": "u", "password": "{SECRET}"}}'],
    ],
)
def test_registries_get_their_defaults_in_each_form(given: Any) -> None:
    (entry,) = checked("registries", given)
    others = dict.fromkeys(("credential_helper", "email", "revision", "endpoint", "ca_cert", "validate_certs"))
    assert entry == {**GOOD, **others, "plain_http": False}
    assert list(options.secrets_given(CREDENTIAL_OPTIONS, {"registries": given})) == [SECRET]


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        ({"passwd": SECRET}, "registries[0]: unknown option passwd. Known options are ca_cert, credential_helper,"),
        ({"registry": "a.io", SECRET[:3]: SECRET}, "registries[0] (a.io): unknown option Zq7."),
        ({"username": "u", "password": SECRET}, "registries[0]: registry is missing. Add it."),
        ({"registry": None}, "registries[0]: registry is missing. Add it."),
        ({"registry": "a.io", "username": "u"}, "registries[0] (a.io): username is given without password. Give both."),
        (
            {"registry": "a.io", "password": SECRET},
            "registries[0] (a.io): password is given without username.",
        ),
        (GOOD | {"credential_helper": "x"}, "registries[0] (ghcr.io): credential_helper and username are both given."),
        (GOOD | {"validate_certs": "x"}, "registries[0] (ghcr.io): validate_certs is not a boolean. Give true or false."),
        (GOOD | {"plain_http": {}}, "registries[0] (ghcr.io): plain_http is not a boolean. Give true or false."),
        (GOOD | {"registry": f"u:{SECRET}@a.io", "username": 1}, "registries[0] ((hidden)@a.io): username is a number"),
        (SECRET, "registries[0] is text, not a mapping. Write its members as name: value in YAML."),
        (7, "registries[0] is a number, not a mapping."),
        (None, "registries[0] is null, not a mapping."),
    ],
)
def test_an_entry_that_cannot_be_used_is_named(entry: Any, expected: str) -> None:
    assert message("registries", [entry]).startswith(expected)


@pytest.mark.parametrize(("given", "expected"), [("12", "12"), (12, "12"), (0, "0"), ("v1", "v1"), (None, None)])
def test_a_revision_may_be_an_integer(given: Any, expected: Any) -> None:
    assert checked("registries", [GOOD | {"revision": given}])[0]["revision"] == expected


@pytest.mark.parametrize("given", [1.10, True, {}, []])
def test_a_revision_is_nothing_else(given: Any) -> None:
    assert message("registries", [GOOD | {"revision": given}]).startswith("registries[0] (ghcr.io): revision is a")


def test_a_path_is_one_of_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/me")
    assert checked("registries", [GOOD | {"ca_cert": "~/ca.pem"}])[0]["ca_cert"] == "/home/me/ca.pem"


@pytest.mark.parametrize("given", ["yes", True, "true", 1])
def test_booleans_of_an_entry_are_what_ansible_takes_for_them(given: Any) -> None:
    assert checked("registries", [GOOD | {"validate_certs": given}])[0]["validate_certs"] is True


def test_an_unknown_choice_is_named() -> None:
    spec = {"w": options.mappings({"kind": options.text(required=True, choices=["Pod", "Job"])}, "kind")}
    with pytest.raises(InputError, match=r"^w\[0\] \(Pot\): kind is 'Pot'. Expected one of Pod, Job\.$"):
        options.check_raw_options(spec, {"w": [{"kind": "Pot"}]})


@pytest.mark.parametrize(
    "given",
    [
        [{"password": SECRET}],
        {"password": SECRET},
        [{"password": {"a": [SECRET]}}],
        [7, None, {"password": SECRET, "x": 1}],
        f"password={SECRET},x",
        f'[{{"password": "{SECRET}"}}]',
    ],
)
def test_passwords_are_found_however_wrong_their_surroundings_are(given: Any) -> None:
    assert list(options.secrets_given(CREDENTIAL_OPTIONS, {"registries": given})) == [SECRET]


@pytest.mark.parametrize("given", [None, 7, [], "", "[", '"', [[]], {"password": 5}])
def test_where_there_is_no_password_none_is_found(given: Any) -> None:
    assert list(options.secrets_given(CREDENTIAL_OPTIONS, {"registries": given})) == []


@pytest.mark.parametrize("name", MODULES)
def test_each_option_that_names_something_is_checked(name: str) -> None:
    """The relatives: a new option of these kinds has to be one of these, too."""
    # addresses, and accounts of a host, which may be numbers
    allowed = {"proxy", "no_proxy", "path", "owner", "group"}
    for option, entry in of_module(name).items():
        if "choices" not in entry and "str" in (entry["type"], entry.get("elements")):
            assert option in allowed, option

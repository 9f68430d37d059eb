# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Role host_registry_login and the module that it calls agree: names, defaults and types."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.pullpass.registry.plugins.module_utils._module.text_options import RawOption
from specifications import ROOT, TYPES, as_reported, loaded, options

ROLE = ROOT / "roles" / "host_registry_login"
PREFIX = "host_registry_login_"
# one for each account, and of one name
EACH = {"user": "name", **{name: name for name in ("path", "format", "persistent", "store", "owner", "group", "mode")}}
# The role has these of each account only
ONLY_EACH = {"user", "path"}
# What the role decides. It asks the registries itself, from the controller, with what its own variables say; the document is
# that of the environment.
ASKING = ("registry_ca_cert", "registry_validate_certs", "registry_timeout", "realms", "allow_addresses")
DECIDED = {"config", "config_file", "config_registries", "resolve_helpers", "unverified"}
NOT_HANDED_ON = {*ASKING, "verify", "config_file", "config_registries", "resolve_helpers"}
# those that other variables make, or that say something else than the module on purpose
OWN_DEFAULTS = {"state", "registries", "registry_ca_cert", "realms", "verify_undecided", "purge_registries"}


def spec() -> dict[str, Any]:
    return loaded(ROLE / "meta" / "argument_specs.yml")["argument_specs"]["main"]["options"]


def defaults() -> dict[str, Any]:
    return loaded(ROLE / "defaults" / "main.yml")


def call() -> dict[str, Any]:
    (task,) = loaded(ROLE / "tasks" / "call_login.yml")
    return task["pullpass.registry.registry_login"]


def test_every_option_of_the_module_is_a_variable_or_is_decided_on_purpose() -> None:
    expected = {PREFIX + name for name in options("registry_login").keys() - DECIDED - ONLY_EACH}
    assert defaults().keys() - {f"{PREFIX}users"} == expected
    assert spec().keys() == defaults().keys()
    assert spec()[f"{PREFIX}users"]["options"].keys() == set(EACH.values())


def test_the_call_hands_on_what_is_not_decided() -> None:
    assert call().keys() == (options("registry_login").keys() - NOT_HANDED_ON) | {"verify"}
    assert call()["verify"] == "none"
    for option, value in call().items():
        if option in EACH:
            assert f"item.{EACH[option]}" in value, option
        if option not in DECIDED | ONLY_EACH | {"verify", "registries"}:
            assert PREFIX + option in value, option


def test_what_is_decided_about_asking_is_handed_to_who_asks() -> None:
    texts = [(ROLE / path).read_text(encoding="utf-8") for path in ("vars/main.yml", "tasks/verify.yml")]
    for option in (*ASKING, "verify", "verify_undecided"):
        assert any(PREFIX + option in text for text in texts), option


@pytest.mark.parametrize("option", sorted(options("registry_login").keys() - DECIDED - ONLY_EACH))
def test_a_variable_says_what_its_option_says(option: str) -> None:
    entry, reported, default = options("registry_login")[option], spec()[PREFIX + option], defaults()[PREFIX + option]
    meant = entry.kind if isinstance(entry, RawOption) else entry["type"]
    assert {reported["type"], meant} <= {"str", "path"} or reported["type"] == meant
    assert reported.get("elements") == (entry.elements if isinstance(entry, RawOption) else entry.get("elements"))
    assert reported.get("choices") == entry.get("choices")
    if isinstance(default, str) and "{{" in default:
        assert "default" not in reported
    else:
        assert default == reported["default"]
        assert isinstance(default, TYPES[reported["type"]])
    if option not in OWN_DEFAULTS:
        assert default == entry.get("default", "")


def test_an_entry_of_registries_is_that_of_the_module() -> None:
    reported, entry = spec()[f"{PREFIX}registries"]["options"], options("registry_login")["registries"].options
    without_words = {name: {key: one[key] for key in one if key != "description"} for name, one in reported.items()}
    assert without_words == {name: as_reported(one) for name, one in entry.items()}


def test_what_an_account_may_say_is_what_the_role_says_for_all() -> None:
    each = spec()[f"{PREFIX}users"]["options"]
    for option, name in EACH.items():
        entry = options("registry_login")[option]
        assert each[name]["type"] == (entry.kind if isinstance(entry, RawOption) else entry["type"]), name
        assert each[name].get("choices") == entry.get("choices"), name
        assert "default" not in each[name], name


def test_every_entry_point_is_a_file_of_tasks_and_is_described() -> None:
    for name, entry in loaded(ROLE / "meta" / "argument_specs.yml")["argument_specs"].items():
        assert (ROLE / "tasks" / f"{name}.yml").is_file()
        assert entry["short_description"]
        assert all(option["description"] for option in entry["options"].values())


def test_no_message_of_the_call_is_hidden_and_no_password_is_in_its_label() -> None:
    (task,) = loaded(ROLE / "tasks" / "call_login.yml")
    assert "no_log" not in task
    assert task["loop_control"]["label"]

# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Modules, role and action group agree: names, defaults and types."""

from __future__ import annotations

import importlib
from typing import Any
from unittest.mock import ANY

import pytest
import yaml
from ansible_collections.pullpass.registry.plugins.module_utils._links.report import LINK_ACTIONS
from ansible_collections.pullpass.registry.plugins.module_utils._module.text_options import RawOption
from ansible_collections.pullpass.registry.plugins.module_utils._pull_secret.run import SECRET_ACTIONS
from specifications import MODULES, ROOT, TYPES, arguments, as_reported, imported, loaded, options

ROLE = ROOT / "roles" / "cluster_pull_access"
# what the role calls
WRITING = [name for name in MODULES if not name.endswith("_info")]
CALLED = [name for name in WRITING if name.startswith("pull_")]
PREFIX = "cluster_pull_access_"
# Where a variable of the role is not called like the option
RENAMED = {
    "name": "secret_name",
    "secrets": "secret_name",
    "ca_cert": "cluster_ca_cert",
    "evict": "recover_pods",
    "pull_canary.image": "canary_image",
    "pull_canary.secrets": "canary_secrets",
}
TASKS = {"pull_secret": "secrets", "pull_secret_link": "links", "pull_recovery": "recovery", "pull_canary": "canary"}
ROWS = {"pull_secret": "namespaces", "pull_secret_link": "links", "pull_recovery": "pods", "pull_canary": "nodes"}
ACTIONS = {"pull_secret": SECRET_ACTIONS, "pull_secret_link": LINK_ACTIONS}
# What the role finds out itself
SET_BY_THE_ROLE = {"pull_secret": {"unverified", "prune_links"}}
# Variables of the role whose default says something else than that of the option, on purpose
OWN_DEFAULTS = {
    "state",
    "realms",
    "verify",
    "verify_undecided",
    "evict",
    "service_account",
    "service_accounts",
    "results",
    "timeout",
}
# Variables of the role that are no option of a module
ROLE_ONLY = {f"{PREFIX}verify_namespace", f"{PREFIX}from_environment"}


def role_options(name: str) -> dict[str, Any]:
    """The options that a person sets by a variable of the role."""
    return {option: entry for option, entry in options(name).items() if option not in SET_BY_THE_ROLE.get(name, ())}


def variable(name: str, option: str) -> str:
    return PREFIX + RENAMED.get(f"{name}.{option}", RENAMED.get(option, option))


def defaults() -> dict[str, Any]:
    return loaded(ROLE / "defaults" / "main.yml")


def entry_points() -> dict[str, dict[str, Any]]:
    specs = loaded(ROLE / "meta" / "argument_specs.yml")["argument_specs"]
    return {name: entry["options"] for name, entry in specs.items()}


def task(name: str) -> dict[str, Any]:
    (only,) = loaded(ROLE / "tasks" / f"call_{TASKS[name]}.yml")
    return only


def connection_of_the_role() -> dict[str, str]:
    (block,) = [task for task in loaded(ROLE / "tasks" / "run.yml") if "block" in task]
    (connected,) = [task for task in block["block"] if "module_defaults" in task]
    defaults = connected["module_defaults"]
    assert defaults == {"group/pullpass.registry.kubernetes": ANY} | {f"pullpass.registry.{name}": {} for name in CALLED}
    return defaults["group/pullpass.registry.kubernetes"]


def documented(name: str) -> dict[str, Any]:
    """Options of the documentation, those of the fragments included."""
    module = yaml.safe_load(imported(name).DOCUMENTATION)
    found = dict(module["options"])
    for fragment in module["extends_documentation_fragment"]:
        file, _dot, part = fragment.removeprefix("pullpass.registry.").partition(".")
        room = importlib.import_module(f"ansible_collections.pullpass.registry.plugins.doc_fragments.{file}")
        shared = yaml.safe_load(getattr(room.ModuleDocFragment, part.upper() or "DOCUMENTATION"))["options"]
        found.update({option: entry for option, entry in shared.items() if option not in found})
    return found


def test_the_modules_that_are_tested_here_are_all_there_are() -> None:
    assert sorted(TASKS) == sorted(CALLED)


def test_the_action_group_holds_exactly_the_modules_that_take_a_kubeconfig() -> None:
    groups = loaded(ROOT / "meta" / "runtime.yml")["action_groups"]
    assert groups == {"kubernetes": [name for name in MODULES if "kubeconfig" in options(name)]}
    for name in MODULES:
        fragments = yaml.safe_load(imported(name).DOCUMENTATION)["extends_documentation_fragment"]
        assert ("pullpass.registry._attributes.cluster" in fragments) is (name in groups["kubernetes"])


@pytest.mark.parametrize("name", MODULES)
def test_what_is_documented_is_what_is_accepted(name: str) -> None:
    keys = ("type", "elements", "choices", "aliases", "required", "default")
    spec = {option: {key: entry[key] for key in keys if key in entry} for option, entry in options(name).items()}
    reported = {option: {key: entry[key] for key in keys if key in entry} for option, entry in documented(name).items()}
    assert reported == spec


@pytest.mark.parametrize("name", CALLED)
def test_summary_in_the_documentation_has_each_action_of_the_module(name: str) -> None:
    module = imported(name)
    returned = yaml.safe_load(module.RETURN)
    actions = list(ACTIONS.get(name) or module.ACTIONS)
    assert list(returned["summary"]["sample"]) == actions
    rows = returned[ROWS[name]]
    for action in actions:
        assert f"C({action})" in " ".join(rows["contains"]["action"]["description"])


@pytest.mark.parametrize("name", CALLED)
def test_secrets_are_marked_and_names_are_not(name: str) -> None:
    spec = options(name)
    assert spec["api_key"]["no_log"] is True
    if name == "pull_secret":
        assert spec["registries"].options["password"]["no_log"] is True
    elif "secrets" in spec:
        assert spec["secrets"]["no_log"] is False


@pytest.mark.parametrize("name", MODULES)
def test_every_module_can_check_first(name: str) -> None:
    assert arguments(name)["supports_check_mode"] is True


@pytest.mark.parametrize("name", CALLED)
def test_every_option_of_a_module_is_a_variable_of_the_role(name: str) -> None:
    missing = {variable(name, option) for option in role_options(name)} - defaults().keys()
    assert missing == set()


@pytest.mark.parametrize("name", CALLED)
def test_the_role_hands_every_variable_to_its_option(name: str) -> None:
    own = task(name)[f"pullpass.registry.{name}"]
    connection = connection_of_the_role()
    assert not own.keys() & connection.keys()
    call = own | connection
    assert call.keys() == options(name).keys()
    for option, value in call.items():
        text = str(value)
        if option in role_options(name):
            assert variable(name, option) in text or f"__{variable(name, option)}" in text, option


@pytest.mark.parametrize("name", CALLED)
def test_a_default_of_the_role_is_the_modules_or_leaves_it_to_the_module(name: str) -> None:
    for option, entry in role_options(name).items():
        default = defaults()[variable(name, option)]
        if option in OWN_DEFAULTS:
            continue
        if "default" in entry:
            assert default == entry["default"], option
        elif not entry.get("required") and option not in ("registries", "registry_ca_cert"):
            assert default in (None, "", [], {}), option


def test_defaults_and_argument_specs_of_the_role_hold_the_same_variables() -> None:
    assert entry_points()["main"].keys() == defaults().keys()
    assert all(name.startswith(PREFIX) for name in defaults())


def test_defaults_and_argument_specs_of_the_role_agree_on_each_default() -> None:
    for name, entry in entry_points()["main"].items():
        default = defaults()[name]
        if isinstance(default, str) and "{{" in default:
            assert "default" not in entry, f"{name}: made from other variables"
        else:
            assert default == entry.get("default"), name


def test_each_default_of_the_role_has_the_type_that_its_argument_spec_names() -> None:
    for name, entry in entry_points()["main"].items():
        default = defaults()[name]
        if default is None or (isinstance(default, str) and "{{" in default):
            continue
        assert isinstance(default, TYPES[entry["type"]]), name
        assert isinstance(default, bool) is (entry["type"] == "bool"), name
        for one in default if isinstance(default, list) else [default]:
            assert one in entry.get("choices", [one]), name


@pytest.mark.parametrize("name", CALLED)
def test_a_variable_has_the_type_of_its_option(name: str) -> None:
    spec = entry_points()["main"]
    for option, entry in role_options(name).items():
        if option in ("secrets", "evict"):  # one name, made a list by the role; one word for two options
            continue
        reported = spec[variable(name, option)]
        if reported["type"] == "raw":  # an empty text means unset there
            continue
        meant = entry.kind if isinstance(entry, RawOption) else entry["type"]
        assert {reported["type"], meant} <= {"str", "path"} or reported["type"] == meant, option
        elements = entry.elements if isinstance(entry, RawOption) else entry.get("elements")
        assert reported.get("elements") == elements, option
        choices = [*entry["choices"], "node"] if option == "verify" else entry.get("choices")
        assert reported.get("choices") == choices, option
        assert bool(reported.get("no_log")) == bool(entry.get("no_log")), option
        inner = entry.options if isinstance(entry, RawOption) else entry.get("options", {})
        assert reported.get("options", {}).keys() == inner.keys(), option
        for part, one in inner.items():
            assert reported["options"][part] | as_reported(one) == reported["options"][part], part


@pytest.mark.parametrize("name", CALLED)
def test_an_entry_point_takes_what_its_module_takes(name: str) -> None:
    expected = {variable(name, option) for option in role_options(name)}
    assert entry_points()[TASKS[name]].keys() - ROLE_ONLY == expected
    assert expected <= entry_points()["main"].keys()


def test_every_entry_point_of_the_role_is_a_file_of_tasks_and_is_described() -> None:
    for name, entry in loaded(ROLE / "meta" / "argument_specs.yml")["argument_specs"].items():
        assert (ROLE / "tasks" / f"{name}.yml").is_file()
        assert entry["short_description"]
        assert all(option["description"] for option in entry["options"].values())


@pytest.mark.parametrize("name", CALLED)
def test_a_partial_failure_does_not_stop_the_role_and_no_message_is_hidden(name: str) -> None:
    call = task(name)
    result = call["register"]
    assert call["failed_when"] == f"{result} is failed and {result}.summary is not defined"
    assert "no_log" not in call
    assert "ignore_errors" not in call

# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""modules/pull_secret_info: documentation and options agree, and options that make no sense are refused."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.pullpass.registry.plugins.module_utils._audit.model import NamespaceReport, SecretReport
from ansible_collections.pullpass.registry.plugins.module_utils._audit.report import audit_summary
from ansible_collections.pullpass.registry.plugins.module_utils._errors import InputError
from ansible_collections.pullpass.registry.plugins.modules import pull_secret_info

FRAGMENTS = "ansible_collections.pullpass.registry.plugins.doc_fragments"


def arguments() -> dict[str, Any]:
    caught: dict[str, Any] = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pull_secret_info, "run", lambda _flow, **rest: caught.update(rest))
        pull_secret_info.main()
    return caught


def test_what_is_documented_is_what_is_accepted() -> None:
    module = yaml.safe_load(pull_secret_info.DOCUMENTATION)
    reported = dict(module["options"])
    for name in module["extends_documentation_fragment"]:
        file, _dot, part = name.removeprefix("pullpass.registry.").partition(".")
        fragment = importlib.import_module(f"{FRAGMENTS}.{file}").ModuleDocFragment
        reported.update(yaml.safe_load(getattr(fragment, part.upper() or "DOCUMENTATION"))["options"])
    keys = ("type", "elements", "choices", "aliases", "required", "default")
    spec = arguments()["argument_spec"]
    assert {name: {key: entry[key] for key in keys if key in entry} for name, entry in reported.items()} == {
        name: {key: entry[key] for key in keys if key in entry} for name, entry in spec.items()
    }
    assert spec["api_key"]["no_log"] is True


def test_it_can_run_in_check_mode_and_is_in_the_action_group() -> None:
    assert arguments()["supports_check_mode"] is True
    runtime = Path(__file__).resolve().parents[4] / "meta" / "runtime.yml"
    assert "pull_secret_info" in yaml.safe_load(runtime.read_text(encoding="utf-8"))["action_groups"]["kubernetes"]


def test_the_samples_have_what_is_returned() -> None:
    returned = yaml.safe_load(pull_secret_info.RETURN)
    (row,) = returned["namespaces"]["sample"]
    assert row.keys() == returned["namespaces"]["contains"].keys()
    (secret,) = row["secrets"]
    assert secret.keys() == returned["namespaces"]["contains"]["secrets"]["contains"].keys()
    report = NamespaceReport(**{**row, "secrets": [SecretReport(**secret)]})
    assert report.row() == row
    assert returned["summary"]["sample"] == audit_summary([report])


@pytest.mark.parametrize(
    ("options", "word"),
    [
        ({"names": []}, "names is an empty list"),
        ({"service_accounts": []}, "service_accounts is an empty list"),
        ({"names": ["a*"]}, "is not a valid object name"),
        ({"service_accounts": ["A"]}, "is not a valid object name"),
        ({"images": ["Reg/App"]}, "image 'Reg/App'"),
        ({"output_file": "/"}, "is a folder"),
        ({"output_file": "/not/there/audit.json"}, "its folder does not exist"),
    ],
)
def test_options_that_make_no_sense_are_refused(options: dict[str, Any], word: str) -> None:
    params: dict[str, Any] = {"names": None, "service_accounts": None, "images": None, "output_file": None}
    with pytest.raises(InputError, match=word.replace("*", r"\*")):
        pull_secret_info.check_options({**params, **options})


def test_globs_of_service_accounts_are_fine() -> None:
    pull_secret_info.check_options({"names": ["a"], "service_accounts": ["b*"], "images": ["nginx"], "output_file": None})

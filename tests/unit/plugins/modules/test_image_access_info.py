# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""modules/image_access_info: documentation and options agree, and what is said of what was found."""

from __future__ import annotations

import base64
import importlib
import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml
from ansible_collections.pullpass.registry.plugins.module_utils._credentials.credential import make_credential
from ansible_collections.pullpass.registry.plugins.module_utils._credentials.image_reference import parse_image
from ansible_collections.pullpass.registry.plugins.module_utils._credentials.keyring import PullSecret, kubelet_keyring
from ansible_collections.pullpass.registry.plugins.module_utils._credentials.redact import foreign_text
from ansible_collections.pullpass.registry.plugins.module_utils._diagnosis.pod_secrets import PodSecrets
from ansible_collections.pullpass.registry.plugins.module_utils._errors import InputError
from ansible_collections.pullpass.registry.plugins.module_utils._registry.image_access import ImageAccess, ImageVerification
from ansible_collections.pullpass.registry.plugins.module_utils._registry.verdict import Finding
from ansible_collections.pullpass.registry.plugins.modules import image_access_info

FRAGMENTS = "ansible_collections.pullpass.registry.plugins.doc_fragments"


def arguments() -> dict[str, Any]:
    caught: dict[str, Any] = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(image_access_info, "run", lambda _flow, **rest: caught.update(rest))
        image_access_info.main()
    return caught


def test_what_is_documented_is_what_is_accepted() -> None:
    module = yaml.safe_load(image_access_info.DOCUMENTATION)
    reported: dict[str, Any] = {}
    for name in module["extends_documentation_fragment"]:
        file, _dot, part = name.removeprefix("pullpass.registry.").partition(".")
        fragment = importlib.import_module(f"{FRAGMENTS}.{file}").ModuleDocFragment
        reported.update(yaml.safe_load(getattr(fragment, part.upper() or "DOCUMENTATION")).get("options", {}))
    reported.update(module["options"])
    keys = ("type", "elements", "choices", "aliases", "required", "default")
    spec = arguments()["argument_spec"]
    assert {name: {key: entry[key] for key in keys if key in entry} for name, entry in reported.items()} == {
        name: {key: entry[key] for key in keys if key in entry} for name, entry in spec.items()
    }


def test_it_can_run_in_check_mode_and_is_in_the_action_group() -> None:
    assert arguments()["supports_check_mode"] is True
    runtime = Path(__file__).resolve().parents[4] / "meta" / "runtime.yml"
    assert "image_access_info" in yaml.safe_load(runtime.read_text(encoding="utf-8"))["action_groups"]["kubernetes"]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"workers": 0}, "workers is 0"),
        ({"images": []}, "images is empty, and namespace is given"),
        ({"namespace": "a/b"}, "namespace 'a/b' is not a valid namespace name"),
        ({"pod": "A"}, "pod 'A' is not a valid object name"),
        ({"service_account": ""}, "service_account '' is not a valid object name"),
        ({"secrets": ["a", "b*"]}, r"secrets 'b\*' is not a valid object name"),
    ],
)
def test_options_that_make_no_sense_are_refused(options: dict[str, Any], words: str) -> None:
    nothing = dict.fromkeys(image_access_info.POD_OPTIONS)
    given: dict[str, Any] = {**nothing, "workers": 16, "namespace": "a", "images": ["nginx"]}
    image_access_info.check_options(given)
    with pytest.raises(InputError, match=words):
        image_access_info.check_options({**given, **options})


def test_without_a_namespace_no_image_is_needed() -> None:
    image_access_info.check_options({"workers": 1, "namespace": None, "images": []})


def test_ten_reasons_are_told_and_the_rest_is_counted() -> None:
    credential = make_credential("here", "reg.io", "bot", "a-word")
    images = [ImageAccess(parse_image(f"reg.io/a:{n}"), Finding("not_found", f"No {n}.")) for n in range(14)]
    images.append(ImageAccess(parse_image("reg.io/good"), Finding("anonymous", "Anybody can.")))
    logins = [(credential, Finding("accepted", "Fine.")), (credential, Finding("unreachable", "It sleeps."))]
    reported = image_access_info.summary_of(ImageVerification(logins, images))
    assert reported.startswith("1 of 15 images can be pulled, 1 of 2 logins are accepted. image reg.io/a:0: not_found. No 0; ")
    assert "No 10" not in reported
    assert reported.endswith(" No 9; and 5 more")
    assert image_access_info.summary_of(ImageVerification(logins[:1])) == "1 of 1 login is accepted."


def test_the_secrets_of_a_tenant_are_masked_in_what_a_registry_repeats(monkeypatch: pytest.MonkeyPatch) -> None:
    """A registry answers with what it was sent, while it is asked; so the passwords have to be known before."""
    word = "Zauberwort-78"
    auth = base64.b64encode(f"bot:{word}".encode()).decode()
    document = json.dumps({"auths": {"reg.example": {"auth": auth}}}).encode()
    secret = PullSecret("regcred", "kubernetes.io/dockerconfigjson", {".dockerconfigjson": document})
    reported: list[str] = []
    monkeypatch.setattr(image_access_info, "open_api", lambda _module: SimpleNamespace(identity={}, requests=0))
    monkeypatch.setattr(image_access_info, "secrets_in_cluster", lambda *_given: PodSecrets(kubelet_keyring([secret])))
    monkeypatch.setattr(image_access_info, "opened_registries", lambda *_given: None)

    def check(*_given: Any) -> list[Any]:
        reported.append(foreign_text(f"bad login {auth}"))
        return []

    monkeypatch.setattr(image_access_info, "check_images", check)
    module: Any = SimpleNamespace(params={"workers": 1, "namespace": "team"}, no_log_values=set())
    image_access_info.verify_as_pod(module, [parse_image("reg.example/app:1")])
    assert reported == ["bad login ********"]

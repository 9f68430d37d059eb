# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""_module: an exception that nobody expects is reported by type and place, and no option repeats a document."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from ansible.module_utils import basic
from ansible_collections.pullpass.registry.plugins.module_utils._host.option_files import read_text
from ansible_collections.pullpass.registry.plugins.module_utils._module import base as _module
from ansible_collections.pullpass.registry.plugins.module_utils._module.base import core_problem, unexpected_message

SECRET = "Zq7-secret-Zq7"
PEM = f"-----BEGIN PRIVATE KEY-----\n{SECRET}\n-----END PRIVATE KEY-----\n"
DOCUMENT = {"auths": {"reg.io": {"auth": SECRET}}}
SPEC: dict[str, Any] = {
    "kubeconfig": {"type": "list", "elements": "path"},
    "config_file": {"type": "path"},
    "client_key": {"type": "path", "aliases": ["key_file"]},
    "host": {"type": "str"},
    "realms": {"type": "list", "elements": "str"},
    "proxy": {"type": "str"},
    "name": {"type": "str"},
    "workers": {"type": "int"},
    "wait": {"type": "bool"},
    "state": {"type": "str", "choices": ["present", "absent"]},
    "nested": {"type": "dict", "options": {"ca_cert": {"type": "path"}}},
}


class Odd(ValueError):
    """One of a library's own."""


@pytest.fixture(name="ended")
def _ended(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Callable[..., tuple[dict[str, Any], str]]:
    """Runs a flow with options for real, and gives the module's result and everything else that was printed."""

    def end(flow: Callable[[Any], Any], **options: Any) -> tuple[dict[str, Any], str]:
        logged: list[str] = []
        arguments = {"_ansible_remote_tmp": "/tmp", "_ansible_verbosity": 4, **options}
        monkeypatch.setattr(basic, "_ANSIBLE_ARGS", json.dumps({"ANSIBLE_MODULE_ARGS": arguments}).encode())
        monkeypatch.setattr(basic, "_ANSIBLE_PROFILE", "legacy", raising=False)
        if hasattr(basic.AnsibleModule, "_log_to_syslog"):
            monkeypatch.setattr(basic.AnsibleModule, "_log_to_syslog", lambda _self, text: logged.append(text))
            monkeypatch.setattr(basic, "has_journal", False)
        else:  # ansible-core 2.22
            monkeypatch.setattr(basic._logging, "log_to_system", lambda text, **rest: logged.append(f"{text} {rest}"))
        with pytest.raises(SystemExit):
            _module.run(flow, argument_spec=SPEC)
        out, errors = capfd.readouterr()
        start = out.index("{")
        result = json.loads(out[start:])
        return result, "\n".join([out, errors, *logged])

    return end


def raise_odd(_module: Any) -> dict[str, Any]:
    try:
        raise KeyError(SECRET)
    except KeyError as error:
        raise Odd(f"Invalid header value b'Bearer {SECRET}'") from error


def raise_in_a_library(_module: Any) -> dict[str, Any]:
    return {"rows": json.loads(f"[{SECRET}")}


def read_what_nobody_can(_module: Any) -> dict[str, Any]:
    return {"text": read_text("config_file", [SECRET])}  # type: ignore[arg-type]


def answer_what_json_has_not(_module: Any) -> dict[str, Any]:
    return {"changed": False, "odd": Odd(SECRET), "failed": True}


@pytest.mark.parametrize(
    ("flow", "words"),
    [
        (raise_odd, "unexpected error Odd at plugins/module_utils/_module/base.py:"),
        (raise_in_a_library, "unexpected error JSONDecodeError at "),
        (read_what_nobody_can, "unexpected error TypeError at plugins/module_utils/"),
        (answer_what_json_has_not, "unexpected error KeyError at plugins/module_utils/_module/base.py:"),
    ],
)
def test_an_unexpected_exception_is_reported_by_type_and_place(flow: Any, words: str, ended: Any) -> None:
    result, output = ended(flow)
    assert result["failed"]
    assert result["msg"].startswith(words)
    assert "Report this message" in result["msg"]
    assert SECRET not in output


def test_a_failure_returns_what_is_known_so_far_and_the_number_of_requests(ended: Any) -> None:
    def flow(module: Any) -> dict[str, Any]:
        module.so_far["cluster"] = {"context": "c"}
        module.request_counter = counter = SimpleNamespace(requests=2)
        counter.requests += 1
        raise Odd(SECRET)

    result, output = ended(flow)
    assert (result["cluster"], result["api_requests"]) == ({"context": "c"}, 3)
    assert result["msg"].startswith("unexpected error Odd at")
    assert SECRET not in output


def test_a_result_that_cannot_be_written_is_reported_too(ended: Any) -> None:
    result, output = ended(lambda _module: {"changed": False, "odd": Odd(SECRET)})
    assert result["msg"].startswith("unexpected error ")
    assert SECRET not in output


def test_a_library_that_logs_writes_nothing_to_standard_error(ended: Any) -> None:
    def flow(_module: Any) -> dict[str, Any]:
        logging.getLogger("urllib3.connectionpool").warning("Failed to parse headers of %s", SECRET)
        logging.error("exec: %s", SECRET)
        return {"changed": False}

    result, output = ended(flow)
    assert result["changed"] is False
    assert SECRET not in output


@pytest.mark.parametrize(
    "options",
    [
        {"config_file": json.dumps(DOCUMENT)},
        {"config_file": str(DOCUMENT)},
        {"kubeconfig": f"apiVersion: v1\nusers: [{{name: a, user: {{token: {SECRET}}}}}]"},
        {"kubeconfig": [json.dumps({"users": [{"user": {"token": SECRET}}]})]},
        {"client_key": PEM},
        {"key_file": PEM},
        {"nested": {"ca_cert": PEM}},
        {"host": f"https://user:{SECRET}@api.example.com"},
        {"realms": [f"https://user:{SECRET}@auth.example.com"]},
        {"proxy": f"http://user:{SECRET}@proxy.example.com:3128"},
        {"name": json.dumps(DOCUMENT)},
        {"workers": json.dumps(DOCUMENT)},
        {"wait": json.dumps(DOCUMENT)},
        {"wait": PEM},
        {"state": PEM},
        {"state": json.dumps(DOCUMENT)},
        {"nested": PEM},
        {"kubeconfig": DOCUMENT},
    ],
    ids=lambda options: next(iter(options)),
)
def test_a_document_in_the_wrong_option_is_in_no_output(options: dict[str, Any], ended: Any) -> None:
    """Neither in the result with its invocation, nor in syslog, nor in a message of Ansible's own check."""
    _result, output = ended(lambda _module: {"changed": False}, **options)
    assert SECRET not in output


def test_paths_and_hosts_stay_readable_in_the_log(ended: Any) -> None:
    _result, output = ended(
        lambda _module: {"changed": False}, kubeconfig=["/etc/kube/config"], host="https://api:6443", name="regcred", workers=4
    )
    for words in ("kubeconfig=['/etc/kube/config']", "host=https://api:6443", "name=regcred", "workers=4"):
        assert words in output


def test_the_place_of_an_exception_without_a_frame_of_ours_is_unknown() -> None:
    assert unexpected_message(Odd(SECRET)).startswith("unexpected error Odd at an unknown place. ")


@pytest.mark.parametrize(
    ("version", "too_old"),
    [("2.16.14", True), ("2.9.27", True), ("2.17.0", False), ("2.22.0rc1", False), ("3.0.0", False), ("", False), (None, False)],
)
def test_an_ansible_core_that_is_too_old_is_reported_in_one_sentence(version: str | None, too_old: bool) -> None:
    expected = f"ansible-core {'.'.join((version or '').split('.')[:2])} is too old for collection pullpass.registry. "
    assert core_problem(version) == (expected + "Install ansible-core 2.17 or later." if too_old else "")


def test_a_module_under_an_ansible_core_that_is_too_old_does_nothing(ended: Any) -> None:
    result, _output = ended(raise_odd, _ansible_version="2.16.3")
    assert result["msg"] == ("ansible-core 2.16 is too old for collection pullpass.registry. Install ansible-core 2.17 or later.")

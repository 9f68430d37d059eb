# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""_cluster/auth*: tokens that are read or renewed during a run, and providers of a kubeconfig."""

from __future__ import annotations

import base64
import json
import logging
import time
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.pullpass.registry.plugins.module_utils._cluster import auth
from ansible_collections.pullpass.registry.plugins.module_utils._cluster import auth as auth_exec
from ansible_collections.pullpass.registry.plugins.module_utils._cluster.auth import oidc_token
from ansible_collections.pullpass.registry.plugins.module_utils._cluster.kubeconfig import KubeconfigEntry, read_context
from ansible_collections.pullpass.registry.plugins.module_utils._credentials.redact import foreign_text
from ansible_collections.pullpass.registry.plugins.module_utils._errors import ClusterError, InputError, PullpassError

TOKEN = "Zq7-token-Zq7"
SECRET = "Zq7-secret-Zq7"


def jwt(expires: float | None) -> str:
    claims = {} if expires is None else {"exp": expires}
    parts = ({"alg": "none"}, claims)
    return ".".join([*(base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts), SECRET])


def plugin(folder: Path, *lines: str, **fields: Any) -> auth_exec.ExecPlugin:
    program = folder / "plugin"
    program.write_text("\n".join(("#!/bin/sh", *lines, "")), encoding="utf-8")
    program.chmod(0o755)
    section = {"command": str(program), "apiVersion": "client.authentication.k8s.io/v1", **fields}
    plugin, cluster = KubeconfigEntry("exec", section, str(folder)), KubeconfigEntry("c", {}, str(folder))
    return auth_exec.ExecPlugin("kubeconfig /k", plugin, cluster)


def answer(**status: Any) -> str:
    content = {"apiVersion": "client.authentication.k8s.io/v1", "kind": "ExecCredential", "status": status}
    return f"echo '{json.dumps(content)}'"


def test_a_token_file_is_read_again_after_a_minute_and_the_last_token_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [time.monotonic()]
    monkeypatch.setattr(auth.time, "monotonic", lambda: now[0])
    file = tmp_path / "token"
    file.write_text("one\n")
    source = auth.TokenFile("tokenFile", str(file))
    assert source() == "Bearer one"
    file.write_text(" two \n")
    assert source() == "Bearer one"
    now[0] += 61
    assert source() == "Bearer two"
    file.unlink()
    now[0] += 61
    assert source() == "Bearer two"


def test_the_token_of_a_plugin_is_renewed_before_it_expires(tmp_path: Path) -> None:
    count = tmp_path / "count"
    soon = time.strftime("%Y-%m-%dT%H:%M:%S.123456789Z", time.gmtime(time.time() + 60))
    source = plugin(tmp_path, f"echo x >> {count}", answer(token=TOKEN, expirationTimestamp=soon))
    assert source() == f"Bearer {TOKEN}"
    assert len(count.read_text().split()) == 2
    late = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 3600))
    source = plugin(tmp_path, f"echo x >> {count}", answer(token=TOKEN, expirationTimestamp=late))
    source()
    assert len(count.read_text().split()) == 3


@pytest.mark.parametrize(
    "lines",
    [
        (f"echo 'token {SECRET} refused' >&2", "exit 3"),
        (f"echo 'no JSON {SECRET}'",),
        (f'echo \'{{"apiVersion": "{SECRET}", "kind": "ExecCredential", "status": {{}}}}\'',),
        (answer(),),
        (answer(token=[SECRET]),),
        (answer(clientCertificateData=SECRET),),
        (answer(token=SECRET + "\n"),),
        (answer(token=f"a\r\n{SECRET}"),),
        ("echo '[]'",),
        (f"printf '\\377{SECRET}'",),
    ],
)
def test_what_a_plugin_writes_is_never_shown(
    lines: tuple[str, ...], tmp_path: Path, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    with pytest.raises(PullpassError) as caught:
        plugin(tmp_path, *lines)
    assert str(caught.value).startswith("kubeconfig /k")
    output = str(caught.value) + caplog.text + "".join(capfd.readouterr())
    assert SECRET not in output


def test_the_token_of_a_plugin_is_masked_from_then_on(tmp_path: Path) -> None:
    plugin(tmp_path, answer(token="Zq7-minted-Zq7"))
    assert "Zq7-minted-Zq7" not in foreign_text("the server repeats Bearer Zq7-minted-Zq7")


def provider(**fields: Any) -> KubeconfigEntry:
    return KubeconfigEntry("kubeconfig /k, user 'u': auth-provider", fields, "/")


def test_oidc_uses_a_token_that_has_not_expired() -> None:
    for token in (jwt(None), jwt(time.time() + 3600)):
        assert oidc_token(provider(name="oidc", config={"id-token": token}))() == f"Bearer {token}"


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"name": "gcp", "config": {"access-token": SECRET}}, "'gcp' is not supported, here or by kubectl. Use an exec plugin"),
        ({"config": {"id-token": SECRET}}, "'' is not supported"),
        ({"name": "oidc"}, "has no id-token"),
        ({"name": "oidc", "config": {"refresh-token": SECRET}}, "has no id-token"),
        ({"name": "oidc", "config": {"id-token": jwt(1)}}, "the id-token has expired"),
        # the client would ask the issuer without verifying its certificate
        (
            {"name": "oidc", "config": {"id-token": jwt(1), "refresh-token": SECRET}},
            "It is renewed only with a refresh-token and an",
        ),
        (
            {
                "name": "oidc",
                "config": {
                    "id-token": jwt(1),
                    "refresh-token": SECRET,
                    "idp-certificate-authority": "/etc/hostname",
                    "idp-issuer-url": f"https://{SECRET}.invalid",
                },
            },
            "has expired and cannot be renewed",
        ),
        ({"name": "oidc", "config": {"id-token": f"{SECRET}\n"}}, "ends with a line break"),
    ],
)
def test_a_provider_that_gives_no_token_is_refused(fields: dict[str, Any], words: str) -> None:
    with pytest.raises((InputError, ClusterError)) as caught:
        oidc_token(provider(**fields))
    assert words in str(caught.value)
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize(
    "content",
    [
        f"users: [{{name: u, user: {{password: {SECRET}, token: *x}}}}]",
        f"users:\n- name: u\n  user: {{password: {SECRET}\n",
        f"password: {SECRET}: x",
        f"token: !!python/object:{SECRET} x",
        f"token: !{SECRET} x",
        f"? [{SECRET}]\n: x",
        f"{SECRET}: 2020-13-45",
        "[" * 5000 + SECRET,
        f"token: \x01{SECRET}",
        f"- {SECRET}",
        f"users: {SECRET}",
    ],
)
def test_an_error_of_yaml_is_shown_without_the_line(content: str, tmp_path: Path) -> None:
    file = tmp_path / "config"
    file.write_text(content, encoding="utf-8")
    with pytest.raises(InputError) as caught:
        read_context([str(file)], None)
    assert SECRET not in str(caught.value)
    assert str(file) in str(caught.value)

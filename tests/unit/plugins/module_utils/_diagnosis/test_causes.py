# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""_diagnosis/snapshot and audit_cause: which containers are stuck on a pull, and what is reported as the cause."""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from typing import Any

import pytest
from ansible_collections.pullpass.registry.plugins.module_utils._credentials.image_reference import parse_image
from ansible_collections.pullpass.registry.plugins.module_utils._credentials.keyring import Keyring, PullSecret, kubelet_keyring
from ansible_collections.pullpass.registry.plugins.module_utils._diagnosis.causes import cause
from ansible_collections.pullpass.registry.plugins.module_utils._diagnosis.pod_secrets import PodSecrets
from ansible_collections.pullpass.registry.plugins.module_utils._diagnosis.snapshot import (
    PodSnapshot,
    StuckContainer,
    stuck_pod_snapshot,
)

IMAGE = "reg.io/team/app:1.0"
PULL = f'Back-off pulling image "{IMAGE}": ErrImagePull: failed to pull and unpack image "{IMAGE}": failed to resolve reference: '
REFUSED = PULL + "unexpected status code [manifests 1.0]: 401 Unauthorized"
DENIED = "pull access denied, repository does not exist or may require authorization: server message: insufficient_scope"
PASSWORD = "Zauberwort"
COLON = "unable to parse auth field, must be formatted as base64(username:password)"


def keyring(password: str = PASSWORD, /, **documents: str) -> Keyring:
    """Of Secrets whose documents have one key, or (``!``) are broken."""
    auth = base64.b64encode(f"bot:{password}".encode()).decode()
    made = []
    for name, key in documents.items():
        whole = {"auths": {key: {"auth": "?"} if key == "!" else {} if key.endswith("?") else {"auth": auth}}}
        data = {".dockerconfigjson": json.dumps(whole).replace('?":', '":').encode()}
        made.append(PullSecret(name, "kubernetes.io/dockerconfigjson", data))
    return kubelet_keyring(made)


NOTHING = PodSecrets(keyring())
RIGHT = replace(NOTHING, keyring=keyring(good="reg.io"))
OTHER = replace(NOTHING, keyring=keyring(other="other.io"))
BROKEN = replace(NOTHING, keyring=keyring(good="reg.io", bad="!"))


def reported(reason: str, message: str, secrets: PodSecrets, *names: str, image: str = IMAGE) -> str:
    container = StuckContainer("app", image, reason, message)
    return cause(PodSnapshot("team-a", "web", "default", names, (container,)), container, secrets)


@pytest.mark.parametrize(
    ("message", "secrets", "names", "expected"),
    [
        (REFUSED, RIGHT, ["good"], "credential refused: the registry does not let user bot (entry 'reg.io' of Secret good) pull"),
        (PULL + DENIED, RIGHT, ["good"], "credential refused"),
        (PULL + "failed to fetch oauth token: 403 Forbidden", RIGHT, ["good"], "credential refused"),
        (REFUSED, replace(NOTHING, missing=("gone",)), ["gone"], "missing Secret: gone does not exist in namespace team-a"),
        (REFUSED, replace(NOTHING, missing=("a", "b")), ["a", "b"], "missing Secret: a, b do not exist"),
        (REFUSED, replace(RIGHT, missing=("gone",)), ["gone", "good"], "credential refused"),
        (REFUSED, replace(NOTHING, wrong_type=("x",)), ["x"], "wrong Secret: x is of a type"),
        (REFUSED, OTHER, ["other"], "no credential matches this image: its Secrets have other.io"),
        (REFUSED, BROKEN, ["good", "bad"], "unreadable Secret: Secret bad has an entry '!' whose 'auth' is not base64"),
        (REFUSED, NOTHING, [], "no pull secret: neither the Pod nor its ServiceAccount default names one"),
        (
            REFUSED,
            replace(NOTHING, linked=("x",)),
            [],
            "no pull secret: the Pod was admitted before its ServiceAccount was linked",
        ),
        (
            REFUSED,
            replace(NOTHING, unknown="No right."),
            ["x"],
            "credential missing or refused, not known which: No right.",
        ),
        (PULL + "429 Too Many Requests", RIGHT, ["good"], "rate limited"),
        (PULL + "toomanyrequests: You have reached your pull rate limit", RIGHT, ["good"], "rate limited"),
        (PULL + "x509: certificate signed by unknown authority", RIGHT, ["good"], "TLS: "),
        (PULL + "http: server gave HTTP response to HTTPS client", RIGHT, ["good"], "TLS: "),
        (PULL + "dial tcp: lookup reg.io on 10.0.0.10:53: no such host", RIGHT, ["good"], "DNS: "),
        (PULL + "dial tcp 10.0.0.1:443: connect: connection refused", RIGHT, ["good"], "registry not reachable"),
        (PULL + "dial tcp 10.0.0.1:443: i/o timeout", RIGHT, ["good"], "registry not reachable"),
        (f"rpc error: code = NotFound desc = {IMAGE}: not found", RIGHT, ["good"], "image not found: the registry has no"),
        (f"rpc error: code = NotFound desc = {IMAGE}: not found", OTHER, ["other"], "image not found"),
        ("write /x: no space left on device", RIGHT, ["good"], "no space left on the node"),
        ("something that nobody knows", RIGHT, ["good"], "unknown. The kubelet says: something that nobody knows"),
        (f'Back-off pulling image "{IMAGE}"', RIGHT, ["good"], "unknown. The kubelet says: Back-off"),
        (f'Back-off pulling image "{IMAGE}"', OTHER, ["other"], "no credential matches this image"),
        ("", RIGHT, ["good"], "unknown. The kubelet gives no reason"),
    ],
)
def test_cause(message: str, secrets: PodSecrets, names: list[str], expected: str) -> None:
    cause_reported = reported("ImagePullBackOff", message, secrets, *names)
    assert cause_reported[: len(expected)] == expected
    assert PASSWORD not in cause_reported


@pytest.mark.parametrize(
    "image",
    [
        "reg.io/team/app:503",
        "reg.io/team/app:429",
        "reg.io/denied/app",
        "denied/app:401",
        "denied",
        "denied:404",
        "x509.io:504/a",
    ],
)
@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ("something that nobody knows", "unknown"),
        ("unexpected status from HEAD request to https://reg.io/v2/{path}/manifests/{tag}: 404 Not Found", "image not found"),
        (
            "unexpected status from HEAD request to https://reg.io/v2/{path}/manifests/{tag}: 503 Service Unavailable",
            "registry not",
        ),
        ("reading manifest {tag} in {name}: received unexpected HTTP status: 502 Bad Gateway", "registry not reachable"),
        ("reading manifest {tag} in {name}: StatusCode: 429, slow down", "rate limited"),
        ("initializing source docker://{name}:{tag}: invalid status code from registry 403 (Forbidden)", "credential refused"),
        ("pull access denied, repository does not exist", "credential refused"),
        ("unexpected status code [manifests {tag}]: 401 Unauthorized", "credential refused"),
        ("error parsing HTTP 429 response body", "rate limited"),
    ],
)
def test_the_name_of_an_image_is_no_answer_of_a_registry(image: str, answer: str, expected: str) -> None:
    reference = parse_image(image)
    name, tag = reference.name, reference.tag or "latest"
    said = answer.format(path=reference.repository, name=name, tag=tag)
    message = f'Back-off pulling image "{image}": failed to pull and unpack image "{name}:{tag}": {said}'
    right = replace(NOTHING, keyring=keyring(good=reference.registry))
    assert reported("ImagePullBackOff", message, right, "good", image=image).startswith(expected)


def test_other_reasons() -> None:
    assert reported("InvalidImageName", "", NOTHING, image="Reg/App").startswith("invalid image name: ")
    assert "secret" not in reported("InvalidImageName", "", NOTHING, image="u:secret@reg.io/a")
    assert reported("ErrImageNeverPull", "", NOTHING).startswith("the image is not on the node")
    assert reported(COLON, "", BROKEN, "good", "bad").startswith("unreadable Secret: Secret bad ")
    assert reported(COLON, "", RIGHT, "good").startswith("unreadable Secret at the kubelet's last try")
    assert "No right." in reported(COLON, "", replace(NOTHING, unknown="No right."), "good")


def test_an_expired_credential_is_reported() -> None:
    claims = base64.b64encode(b'{"exp": 1}').decode()
    expired = replace(NOTHING, keyring=keyring(f"x.{claims}.x", good="reg.io"))
    assert "of Secret good, expired at 1970-01-01T00:00:01Z)" in reported("ErrImagePull", REFUSED, expired, "good")


def test_messages_are_cut_and_hold_no_user_of_a_url() -> None:
    message = "x" * 900 + " https://user:secret@auth.io/token?account=ghp_token&scope=x strange\x1b[31m"
    answer = reported("ErrImagePull", message, RIGHT, "good")
    assert len(answer) < 400
    assert "secret" not in answer
    assert "ghp_token" not in answer
    assert "\x1b" not in answer


def status(name: str, **state: Any) -> dict[str, Any]:
    return {"name": name, "image": "", "state": state}


def pod(**status_lists: Any) -> dict[str, Any]:
    return {
        "metadata": {"namespace": "team-a", "name": "web"},
        "spec": {
            "serviceAccountName": "builder",
            "imagePullSecrets": [{"name": "a"}, {}, {"name": ""}, {"name": "a"}],
            "initContainers": [{"name": "init", "image": "i"}],
            "containers": [{"name": "app", "image": "a"}, {"name": "side", "image": "s"}],
            "ephemeralContainers": [{"name": "debug", "image": "d"}],
        },
        "status": status_lists,
    }


def test_all_kinds_of_containers_are_looked_at() -> None:
    found = stuck_pod_snapshot(
        pod(
            initContainerStatuses=[status("init", waiting={"reason": "ErrImagePull", "message": "m"})],
            containerStatuses=[
                status("app", waiting={"reason": "ImagePullBackOff"}),
                status("side", running={}),
            ],
            ephemeralContainerStatuses=[status("debug", waiting={"reason": COLON})],
        )
    )
    assert found is not None
    assert (found.account, found.pull_secrets) == ("builder", ("a",))
    assert [(one.name, one.image, one.reason) for one in found.stuck] == [
        ("init", "i", "ErrImagePull"),
        ("app", "a", "ImagePullBackOff"),
        ("debug", "d", COLON),
    ]
    assert found.stuck[0].message == "m"


@pytest.mark.parametrize("reason", ["ContainerCreating", "PodInitializing", "CrashLoopBackOff", "CreateContainerConfigError", ""])
def test_what_waits_for_something_else_is_not_stuck_on_a_pull(reason: str) -> None:
    assert stuck_pod_snapshot(pod(containerStatuses=[status("app", waiting={"reason": reason})])) is None


def test_a_pod_without_a_status_is_not_stuck() -> None:
    assert stuck_pod_snapshot(pod()) is None

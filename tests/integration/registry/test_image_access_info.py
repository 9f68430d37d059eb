# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""image_access_info: what it asks, with which credentials, and that the node comes to the same."""

from __future__ import annotations

import base64
import json
import os
import time
from collections.abc import Callable, Iterator
from functools import partial
from operator import eq
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.pullpass.registry.plugins.modules import image_access_info
from secret_traces import around, forms
from verify_modules import results
from verify_support import WRONG, TokenLog, asking, attempts, auths, entry, played, pod, secret, trust, verdicts

from ansible_run import Ansible
from cluster_access import Access, wait_until
from lab import Lab
from registry_servers import RecordingProxy, Registry, Reply, Request, basic, error, login, manifest
from registry_servers.fixtures import Serving

pytest_plugins = ["registry_servers.fixtures"]

SOMEBODY = ("somebody", "a-long-word")
LOCAL = ["127.0.0.0/8"]
# what every layer on the way would like to change, cut or show in another form
PASSWORD = "Zauber\"wort'\n<&>+$%41{}\\é\u2028ß/ 100%"


def takes(user: str, password: str) -> Callable[[str | None], bool]:
    return partial(eq, login(user, password))


def documented(part: str) -> dict[str, Any]:
    returned: dict[str, Any] = yaml.safe_load(image_access_info.RETURN)
    return returned[part]["contains"]


# ------------------------------------------------------------------------------------------------- credentials as given


def test_logins_without_images(lab: Lab, ansible: Ansible, prefix: str) -> None:
    nobody = f"{prefix}-nobody"
    log = TokenLog(lab)
    everybody = [
        entry(lab),
        entry(lab, "bearer", nobody),
        entry(lab, "bearer", "stranger"),
        entry(lab, "bearer", nobody),
        entry(lab, registry=f"{lab.registry('bearer').host}/team", user=nobody),
        {"registry": "127.0.0.1:9", "username": "a", "password": SOMEBODY[1]},
        # a token as user name
        entry(lab, user="ghp_0123456789abcdefghijKLMNOPQRSTUVWX", password="x-oauth-basic"),
    ]

    good, mixed = results(
        ansible,
        asking(registries=everybody[:1], **trust(lab)),
        asking(registries=everybody, timeout=5, **trust(lab)),
        check=True,
    )

    assert (good["pullable"], good["changed"], good["images"], verdicts(good, "logins")) == (True, False, [], ["accepted"])
    assert good["msg"] == "1 of 1 login is accepted."
    assert "cluster" not in good
    assert "api_requests" not in good
    assert mixed["pullable"] is False
    rejected = ["rejected"]
    assert verdicts(mixed, "logins") == ["accepted", *rejected, "accepted", *rejected * 2, "unreachable", *rejected]
    assert [row["username"] for row in mixed["logins"]] == [
        "puller", nobody, "stranger", nobody, nobody, "a", "(hidden)",
    ]  # fmt: skip
    assert [row["http_status"] for row in mixed["logins"]] == [200, 401, 200, 401, 401, None, 401]
    assert all(row.keys() == documented("logins").keys() for row in mixed["logins"])
    assert mixed["msg"].startswith("2 of 7 logins are accepted. ")
    assert f"user {nobody}: rejected. {lab.registry('bearer').host} rejects the credential (401)" in mixed["msg"]
    assert "https://127.0.0.1:9 refuses the connection" in mixed["msg"]
    # three entries, two keys, one registry, one user, one password
    assert [one["status"] for one in log.of(nobody)] == [401]


def test_each_image_gets_its_own_verdict(lab: Lab, ansible: Ansible, prefix: str) -> None:
    basic_host, bearer_host = (lab.registry(name).host for name in ("basic", "bearer"))
    images = [lab.images["basic"], f"{basic_host}/team/app:none", f"{basic_host}/team/none:1.0", lab.images["bearer"]]
    good = [entry(lab), entry(lab, "bearer")]
    options = {"images": images, **trust(lab)}

    both, stranger, pusher, half, local = results(
        ansible,
        asking(registries=good, workers=1, **options),
        asking(registries=[entry(lab, "bearer", "stranger")], **{**options, "images": images[3:]}),
        asking(registries=[entry(lab, "bearer", "pusher")], **{**options, "images": [images[3], images[3]]}),
        asking(registries=good[:1], images=images, registry_ca_cert=str(lab.ca)),
        asking(registries=good[:1], images=images, registry_ca_cert=str(lab.ca), allow_addresses=LOCAL),
    )

    assert verdicts(both) == ["pullable", "not_found", "not_found", "pullable"]
    assert both["pullable"] is False
    assert both["logins"] == []
    assert both["msg"].startswith(f"2 of 4 images can be pulled. image {images[1]} (user puller): not_found.")
    found, _tag, _repository, bearer = both["images"]
    assert found["digest"].startswith("sha256:")
    assert found.keys() == documented("images").keys()
    assert found["attempts"][0].keys() == documented("images")["attempts"]["contains"].keys()
    assert {name: found[name] for name in ("image", "registry", "repository", "reference", "can_push", "attempts")} == {
        "image": images[0],
        "registry": basic_host,
        "repository": "team/app",
        "reference": "1.0",
        "can_push": None,
        "attempts": [{"registry": basic_host, "secret": None, "username": "puller", "verdict": "pullable", "http_status": 200}],
    }
    assert bearer["can_push"] is False
    assert (verdicts(stranger), stranger["images"][0]["attempts"][0]["http_status"]) == (["denied"], 401)
    assert "Grant the right" in stranger["msg"]
    # the same image twice is one question
    assert (verdicts(pusher), pusher["pullable"], pusher["images"][0]["can_push"]) == (["pullable"], True, True)
    assert f"user pusher may also push to team/app at {bearer_host}" in " ".join(pusher["warnings"])
    # whoever chooses images does not choose whom this machine contacts
    assert verdicts(half)[3] == "unverifiable"
    assert "allow_addresses" in half["images"][3]["message"]
    assert verdicts(local)[3] == "unverifiable"
    assert "to realms" in local["images"][3]["message"]
    assert local["images"][3]["attempts"] == []


def test_of_several_credentials_the_first_good_one_ends(lab: Lab, ansible: Ansible, prefix: str) -> None:
    bad, other = (entry(lab, "bearer", f"{prefix}-{name}") for name in ("bad", "other"))
    good = entry(lab, "bearer")
    host = good["registry"]
    scoped = {**bad, "registry": f"{host}/team"}
    elsewhere = {**other, "registry": f"{host}/elsewhere"}
    options = {"images": [lab.images["bearer"]], **trust(lab)}
    log = TokenLog(lab)

    first, last, longest, unused = results(
        ansible,
        asking(registries=[bad, good, other], **options),
        asking(registries=[good, bad], **options),
        # the longer key comes first, wherever it stands
        asking(registries=[good, scoped], **options),
        asking(registries=[good, elsewhere], **options),
    )

    assert attempts(first["images"][0]) == [(None, host, "rejected"), (None, host, "pullable")]
    assert "The kubelet tries 1 other credential before it" in first["images"][0]["message"]
    # nothing was asked for with the third, so that it is tested by a login
    assert verdicts(first, "logins") == ["rejected"]
    assert first["logins"][0]["username"] == other["username"]
    assert attempts(last["images"][0]) == [(None, host, "pullable")]
    assert verdicts(last, "logins") == ["rejected"]
    assert attempts(longest["images"][0]) == [(None, f"{host}/team", "rejected"), (None, host, "pullable")]
    assert attempts(unused["images"][0]) == [(None, host, "pullable")]
    assert [row["registry"] for row in unused["logins"]] == [f"{host}/elsewhere"]
    # the image can be pulled all the same, but one of the credentials is wrong
    assert [one["pullable"] for one in (first, last, longest, unused)] == [False, False, True, False]
    assert len(log.of(bad["username"])) == 3
    assert len(log.of(other["username"])) == 2


def test_every_source_of_credentials(lab: Lab, ansible: Ansible, tmp_path: Path) -> None:
    host = lab.registry("basic").host
    document = auths(**{host: ("puller", lab.users["puller"]), "127.0.0.1:9": SOMEBODY})
    file = tmp_path / "config.json"
    file.write_text(document)
    helper = tmp_path / "docker-credential-lab"
    answer = json.dumps({"ServerURL": host, "Username": "puller", "Secret": lab.users["puller"]})
    (tmp_path / "answer").write_text(answer)
    helper.write_text(f"#!/bin/sh\ncat >/dev/null; exec cat {tmp_path}/answer\n")
    helper.chmod(0o755)
    kept = json.dumps({"auths": {}, "credHelpers": {host: "lab"}})
    options = {"images": [lab.images["basic"]], **trust(lab)}
    sources: list[dict[str, Any]] = [
        {"config": json.loads(document), "config_registries": [host]},
        {"config": " " + document, "config_registries": [host]},
        {"config_file": str(file), "config_registries": [host]},
        {"registries": [{"registry": host, "credential_helper": "lab"}]},
        {"config": " " + kept, "resolve_helpers": True},
        {"config": " " + kept},
        {"config_file": str(file)},
    ]

    found = results(ansible, *(asking(**source, **options) for source in sources), PATH=f"{tmp_path}:{os.environ['PATH']}")

    assert [verdicts(one) for one in found[:5]] == [["pullable"]] * 5
    assert all(one["pullable"] for one in found[:5])
    assert "resolve_helpers" in found[5]["msg"]
    assert (verdicts(found[6]), verdicts(found[6], "logins")) == (["pullable"], ["unreachable"])


def test_docker_hub_is_asked_where_the_caller_says(serve: Serving, ansible: Ansible) -> None:
    """Under all of its names, and nobody else is."""
    hub = serve(
        Registry(basic(), takes("someone", PASSWORD), images={"library/nginx:latest": manifest(), "team/app:2": manifest()})
    )
    proxy = serve.proxy(RecordingProxy(RecordingProxy.answer))
    credential = {
        "registry": "docker.io",
        "username": "someone",
        "password": PASSWORD,
        "endpoint": hub.authority,
        "ca_cert": str(serve.authority.pem),
    }

    (found,) = results(
        ansible,
        asking(registries=[credential], images=["nginx", "index.docker.io/team/app:2"]),
        https_proxy=proxy.origin,
        no_proxy="127.0.0.1",
    )

    assert verdicts(found) == ["pullable", "pullable"]
    assert [(row["image"], row["registry"]) for row in found["images"]] == [
        ("docker.io/library/nginx", "docker.io"),
        ("docker.io/team/app:2", "docker.io"),
    ]
    assert found["images"][0]["attempts"][0]["registry"] == "https://index.docker.io/v1/"
    assert {one.path for one in hub.requests} == {
        "/v2/",
        "/v2/library/nginx/manifests/latest",
        "/v2/team/app/manifests/2",
    }
    assert proxy.requests == []


def test_how_registries_are_asked(lab: Lab, ansible: Ansible, serve: Serving) -> None:
    """Each option about TLS, token servers and addresses, by what happens without it."""
    good: dict[str, Any] = dict(entry(lab))
    bearer = entry(lab, "bearer")
    plain = serve(Registry(basic(), takes(*SOMEBODY)), tls=False)
    http = {"registry": plain.authority, "username": SOMEBODY[0], "password": SOMEBODY[1]}
    image = [lab.images["basic"]]

    found = results(
        ansible,
        asking(registries=[good]),
        asking(registries=[{**good, "ca_cert": str(lab.ca)}]),
        asking(registries=[{**good, "validate_certs": False}], images=image),
        asking(registries=[good], registry_validate_certs=False),
        asking(registries=[{**good, "validate_certs": True}], registry_validate_certs=False),
        asking(registries=[bearer], registry_ca_cert=str(lab.ca)),
        asking(registries=[bearer], **trust(lab)),
        asking(registries=[http]),
        asking(registries=[{**http, "plain_http": True}]),
        asking(registries=[{**good, "registry": "registry.invalid", "endpoint": good["registry"]}], **trust(lab)),
    )

    reported = [verdicts(one, "images" if one.get("images") else "logins")[0] for one in found]
    assert reported == [
        "unreachable", "accepted", "pullable", "accepted", "unreachable", "unverifiable", "accepted", "unreachable", "accepted",
        "accepted",
    ]  # fmt: skip
    unwarned = [number for number, one in enumerate(found) if "is not verified" not in " ".join(one.get("warnings", []))]
    assert unwarned == [0, 1, 4, 5, 6, 7, 9]
    assert "certificate" in found[0]["msg"]
    assert "to realms" in found[5]["msg"]
    # nothing that a credential is in was sent to the one that was to be asked with TLS
    assert [one.authorization for one in plain.requests].count(login(*SOMEBODY)) == 1


def test_options_that_cannot_be_used(lab: Lab, c2: Access, ansible: Ansible) -> None:
    good, image = entry(lab), lab.images["basic"]
    from_cluster = {"namespace": "default", **c2.connection}
    cases: list[tuple[dict[str, Any], str]] = [
        ({"images": [image]}, "one of the following is required: registries, config, config_file, namespace"),
        ({"registries": [good], "config": {"auths": {}}}, "mutually exclusive: registries|config|config_file|namespace"),
        ({"registries": [good], **from_cluster}, "mutually exclusive"),
        ({"config_registries": ["a"], **from_cluster}, "mutually exclusive: config_registries|namespace"),
        ({**from_cluster, "pod": "a", "secrets": ["b"]}, "mutually exclusive: service_account|pod|secrets"),
        ({"registries": [good], "pod": "a"}, "namespace"),
        (from_cluster, "images is empty, and namespace is given"),
        ({**from_cluster, "images": [image], "namespace": "A_b"}, "namespace 'A_b' is not a valid namespace name"),
        ({**from_cluster, "images": [image], "pod": "a*"}, "pod 'a*' is not a valid object name"),
        ({**from_cluster, "images": [image], "secrets": ["a", "B"]}, "secrets 'B' is not a valid object name"),
        ({**from_cluster, "images": [image], "service_account": ""}, "service_account '' is not a valid object name"),
        ({"registries": [good], "images": ["Reg/App"]}, "image 'Reg/App'"),
        ({"registries": [good], "workers": 0}, "workers is 0"),
        ({"registries": [good], "timeout": 0}, "registry_timeout is 0"),
        ({"registries": [good], "realms": ["https://a/b"]}, "realms: 'https://a/b' is not host or host:port"),
        ({"registries": [good], "allow_addresses": ["all"]}, "allow_addresses: "),
        ({"registries": [good], "registry_ca_cert": "/not/there.pem"}, "/not/there.pem"),
        ({"registries": [{**good, "endpoint": "a/b"}]}, "is not host[:port]"),
        ({"registries": []}, "registries is an empty list"),
        (
            {"registries": [{"registry": "a.io", "username": "u"}]},
            "registries[0] (a.io): username is given without password",
        ),
        ({"registries": [good, {**good, "validate_certs": False}]}, "differ in endpoint, ca_cert, validate_certs or plain_http"),
    ]

    found = results(ansible, *(asking(**options) for options, _words in cases))

    for (options, words), result in zip(cases, found, strict=True):
        assert result.get("failed"), options
        assert words in result["msg"], (words, result["msg"])
        assert result.get("changed", False) is False


def test_hundreds_of_images(serve: Serving, ansible: Ansible) -> None:
    """Sixteen at a time, and one login for all of them."""
    count, seconds = 320, 0.1

    def slow(_request: Request) -> Reply:
        time.sleep(seconds)
        return manifest()

    server = serve(Registry(basic(), takes(*SOMEBODY), script={f"/v2/team/app/manifests/{n}": slow for n in range(count)}))
    credential = {
        "registry": server.authority,
        "username": SOMEBODY[0],
        "password": SOMEBODY[1],
        "ca_cert": str(serve.authority.pem),
    }

    started = time.monotonic()
    (found,) = results(
        ansible, asking(registries=[credential], images=[f"{server.authority}/team/app:{n}" for n in range(count)])
    )
    elapsed = time.monotonic() - started

    assert found["pullable"] is True
    assert found["msg"] == f"{count} of {count} images can be pulled."
    assert [row["reference"] for row in found["images"]] == [str(number) for number in range(count)]
    assert len(server.asked("/v2/")) == 2
    print(f"{count} images of {seconds} s each: {elapsed:.1f} s")
    assert elapsed < count * seconds / 2


# ------------------------------------------------------------------------------------------------ credentials of a Pod


@pytest.fixture
def namespace(c1: Access, prefix: str) -> Iterator[str]:
    c1.make_namespaces([prefix])
    c1.wait_for_accounts([prefix])
    yield prefix
    c1.kubectl("delete", "namespace", prefix, "--wait=false")


def test_the_node_comes_to_the_same(lab: Lab, c1: Access, node: str, ansible: Ansible, namespace: str) -> None:
    basic_host, bearer_host = (lab.registry(name).host for name in ("basic", "bearer"))
    image, bearer = lab.images["basic"], lab.images["bearer"]
    good, wrong = ("puller", lab.users["puller"]), (f"{namespace}-nobody", WRONG)
    c1.apply(
        secret(namespace, "good", auths(**{basic_host: good})),
        secret(namespace, "wrong", auths(**{basic_host: wrong})),
        secret(namespace, "both", auths(**{basic_host: good, f"{basic_host}/team": wrong})),
        secret(namespace, "nobody", auths(**{basic_host: ("", "a-token")})),
        secret(namespace, "broken", '{"auths": {"reg.io": {"auth": "bm9jb2xvbg=="}}}'),
        secret(namespace, "opaque", auths(**{basic_host: good}), "Opaque"),
        secret(namespace, "old", json.dumps(json.loads(auths(**{basic_host: good}))["auths"]), "kubernetes.io/dockercfg",
               ".dockercfg"),
        secret(namespace, "stranger", auths(**{bearer_host: ("stranger", lab.users["stranger"])})),
        secret(namespace, "puller", auths(**{bearer_host: good})),
    )  # fmt: skip
    cases: dict[str, tuple[str, list[str], str, list[tuple[str, str, str]]]] = {
        "good": (image, ["good"], "pullable", [("good", basic_host, "pullable")]),
        "wrong": (image, ["wrong"], "rejected", [("wrong", basic_host, "rejected")]),
        "order": (
            image,
            ["wrong", "good"],
            "pullable",
            [("wrong", basic_host, "rejected"), ("good", basic_host, "pullable")],
        ),
        "path": (
            image,
            ["both"],
            "pullable",
            [("both", f"{basic_host}/team", "rejected"), ("both", basic_host, "pullable")],
        ),
        "nobody": (image, ["nobody"], "no_credentials", [("nobody", basic_host, "no_credentials")]),
        "broken": (image, ["good", "broken"], "no_credentials", []),
        "opaque": (image, ["opaque"], "no_credentials", []),
        "old": (image, ["old"], "pullable", [("old", basic_host, "pullable")]),
        "missing": (image, ["missing", "good"], "pullable", [("good", basic_host, "pullable")]),
        "none": (image, [], "no_credentials", []),
        "tag": (f"{basic_host}/team/app:none", ["good"], "not_found", [("good", basic_host, "not_found")]),
        "stranger": (bearer, ["stranger"], "denied", [("stranger", bearer_host, "denied")]),
        "bearer": (bearer, ["good", "stranger", "puller"], "pullable",
                   [("stranger", bearer_host, "denied"), ("puller", bearer_host, "pullable")]),
    }  # fmt: skip
    c1.apply(*(pod(namespace, name, asked, *secrets) for name, (asked, secrets, _verdict, _tried) in cases.items()))
    options = {"namespace": namespace, "allow_addresses": LOCAL, **trust(lab), **c1.connection}

    found = results(ansible, *(asking(pod=name, images=[one[0]], **options) for name, one in cases.items()))

    for (name, (_image, _secrets, verdict, tried)), result in zip(cases.items(), found, strict=True):
        assert "images" in result, (name, result)
        assert (name, verdicts(result)) == (name, [verdict])
        assert (name, attempts(result["images"][0])) == (name, tried)
        assert result["pullable"] is (verdict == "pullable")
    by_name = dict(zip(cases, found, strict=True))
    assert by_name["good"]["cluster"] == {"server": c1.cluster.server, "context": "c1"}
    assert by_name["good"]["api_requests"] == 2
    assert "are not included" in by_name["good"]["msg"]
    assert "Secret broken" in by_name["broken"]["msg"] or "broken" in by_name["broken"]["msg"]
    assert f"the kubelet ignores missing: no such Secret in namespace {namespace}" in " ".join(by_name["missing"]["warnings"])
    assert wrong[0] in by_name["order"]["msg"] or "tries 1 other credential" in by_name["order"]["images"][0]["message"]
    expected = {name: one[2] == "pullable" for name, one in cases.items()}
    wait_until(lambda: pulled(c1, namespace) == expected, 60, f"the same on the node: {pulled(c1, namespace)}")


def pulled(access: Access, namespace: str) -> dict[str, bool]:
    """Pod -> whether the node has pulled its image, of those of which it has tried."""
    items = json.loads(access.kubectl("get", "pods", "-n", namespace, "-o", "json"))["items"]
    found = {}
    for item in items:
        for status in item["status"].get("containerStatuses", []):
            reason = status["state"].get("waiting", {}).get("reason", "")
            if reason not in ("", "ContainerCreating"):
                found[item["metadata"]["name"]] = False
            elif status.get("imageID"):
                found[item["metadata"]["name"]] = True
    return found


def test_the_list_that_a_pod_was_admitted_with(lab: Lab, c2: Access, ansible: Ansible, prefix: str) -> None:
    host = lab.registry("basic").host
    c2.make_namespaces([prefix])
    c2.wait_for_accounts([prefix])
    c2.kubectl("create", "serviceaccount", "-n", prefix, "builder")
    token = "ghp_0123456789abcdefghijKLMNOPQRSTUVWX"
    c2.apply(
        pod(prefix, "early", lab.images["basic"]),
        secret(prefix, "regcred", auths(**{host: ("puller", lab.users["puller"])})),
        secret(prefix, "token", auths(**{host: (token, "x")})),
    )
    for account, names in (("default", ["regcred"]), ("builder", ["token", "regcred", ""])):
        c2.core.patch_namespaced_service_account(account, prefix, {"imagePullSecrets": [{"name": name} for name in names]})
    options = {"images": [lab.images["basic"]], "namespace": prefix, "allow_addresses": LOCAL, **trust(lab), **c2.connection}
    audit = c2.audit()

    default, builder, early, named, twice, forbidden = results(
        ansible,
        asking(**options),
        asking(service_account="builder", **options),
        asking(pod="early", **options),
        asking(secrets=["regcred"], **options),
        asking(secrets=["regcred", "regcred"], **options),
        asking(**{**options, "allow_addresses": [], "realms": []}),
    )

    assert [verdicts(one) for one in (default, builder, early, named)] == [
        ["pullable"], ["pullable"], ["no_credentials"], ["pullable"],
    ]  # fmt: skip
    assert attempts(builder["images"][0]) == [("token", host, "rejected"), ("regcred", host, "pullable")]
    assert [one["username"] for one in builder["images"][0]["attempts"]] == ["(hidden)", "puller"]
    assert [one["api_requests"] for one in (default, builder, early, named, twice)] == [2, 3, 1, 1, 1]
    # a Secret in the cluster does not choose whom this machine contacts
    assert verdicts(forbidden) == ["unverifiable"]
    assert "allow_addresses" in forbidden["msg"]
    assert token not in json.dumps([default, builder, early, named, twice])
    mine = [one for one in audit.requests() if (one.get("objectRef") or {}).get("namespace") == prefix]
    assert {one["verb"] for one in mine} == {"get"}
    assert len(mine) == 10


def test_what_is_missing_in_the_cluster_is_reported(lab: Lab, c2: Access, ansible: Ansible, prefix: str) -> None:
    c2.make_namespaces([prefix])
    c2.wait_for_accounts([prefix])
    c2.kubectl("create", "serviceaccount", "-n", prefix, "deputy")
    c2.kubectl("create", "role", "reader", "-n", prefix, "--verb=get", "--resource=serviceaccounts")
    c2.kubectl("create", "rolebinding", "reader", "-n", prefix, "--role=reader", f"--serviceaccount={prefix}:deputy")
    c2.core.patch_namespaced_service_account("default", prefix, {"imagePullSecrets": [{"name": "regcred"}]})
    deputy = c2.connection_as(c2.token_of(prefix, "deputy"))
    image = [lab.images["basic"]]
    admin = {"images": image, "namespace": prefix, **c2.connection}

    found = results(
        ansible,
        asking(pod="not-there", **admin),
        asking(service_account="not-there", **admin),
        asking(**{**admin, "namespace": "not-there"}),
        asking(images=image, namespace=prefix, pod="a", **deputy),
        asking(images=image, namespace=prefix, **deputy),
        asking(images=image, namespace=prefix, secrets=["a"], **deputy),
        asking(images=image, namespace=prefix, host="https://127.0.0.1:9", api_key="some-token"),
        asking(**admin, **trust(lab), allow_addresses=LOCAL),
    )

    *failures, missing = found
    reported = [one["msg"] for one in failures]
    assert reported[0] == f"pods {prefix}/not-there does not exist on {c2.cluster.server}. Correct the name."
    assert reported[1] == f"serviceaccounts {prefix}/not-there does not exist on {c2.cluster.server}. Correct the name."
    assert "serviceaccounts not-there/default does not exist" in reported[2]
    assert "no right to get pods a in namespace" in reported[3]
    assert f"Secret {prefix}/regcred cannot be read: no right to get secrets regcred in namespace {prefix}" in reported[4]
    assert f"Secret {prefix}/a cannot be read: no right" in reported[5]
    assert "https://127.0.0.1:9 cannot be reached" in reported[6]
    assert verdicts(missing) == ["no_credentials"]
    assert "the kubelet ignores regcred" in " ".join(missing["warnings"])


# ------------------------------------------------------------------------------------------------------------- secrecy


def test_no_output_shows_a_password(c2: Access, serve: Serving, ansible: Ansible, prefix: str, tmp_path: Path) -> None:
    """Not even where the registry repeats what it was sent, at -vvv, of what is accepted and what is not."""

    def echo(request: Request) -> Reply:
        sent = request.authorization or ""
        if not sent:
            return error(401, "UNAUTHORIZED", "who?", ("WWW-Authenticate", basic()))
        decoded = base64.b64decode(sent.removeprefix("Basic ")).decode()
        return error(401, "UNAUTHORIZED", f"bad: {sent} is {decoded} is {decoded.partition(':')[2]}")

    hostile = serve(Registry(script={"*": echo}))
    honest = serve(Registry(basic(), takes("bot", PASSWORD)))
    c2.make_namespaces([prefix])
    entries = [
        {"registry": one.authority, "username": "bot", "password": PASSWORD, "ca_cert": str(serve.authority.pem)}
        for one in (hostile, honest)
    ]
    document = auths(**{one.authority: ("bot", PASSWORD) for one in (hostile, honest)})
    (tmp_path / "config.json").write_text(document)
    c2.apply(secret(prefix, "regcred", document))
    images = [f"{one.authority}/team/app:1.0" for one in (hostile, honest)]
    trusted = {"registry_ca_cert": str(serve.authority.pem), "allow_addresses": LOCAL}

    tasks = [
        asking(registries=entries),
        asking(registries=entries, images=images),
        asking(config=json.loads(document), **trusted),
        asking(config_file=str(tmp_path / "config.json"), images=images, **trusted),
        asking(namespace=prefix, secrets=["regcred"], images=images, **trusted, **c2.connection),
        asking(registries=[{**entries[0], "passwd": PASSWORD}]),
    ]
    run = played(ansible, tasks, "-vvv", "--diff")

    found = [line["result"] for line in run.results]
    by_registry = [{row["registry"]: row["verdict"] for row in one["logins"]} for one in (found[0], found[2])]
    assert by_registry == [{hostile.authority: "rejected", honest.authority: "accepted"}] * 2
    assert [verdicts(one) for one in (found[1], found[3], found[4])] == [["rejected", "pullable"]] * 3
    assert "unknown option passwd" in found[5]["msg"]
    assert "It says: bad: Basic (hidden) is bot:(hidden) is (hidden)" in found[0]["msg"]
    written = run.output + json.dumps(run.results)
    for form in {text for one in (hostile, honest) for text in forms("bot", PASSWORD, one.authority)}:
        assert around(form, written) == []
    # parts of it, where a line break or a cut went through
    assert around("wort'", written) == []
    assert around("Zauber", written) == []

# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""_recovery/manifest: in which fields a new Pod or Job is not what the old one is."""

from __future__ import annotations

import copy
import time
from typing import Any

import pytest
from ansible_collections.pullpass.registry.plugins.module_utils._recovery.manifest import job_differences, pod_differences


def pod(suffix: str = "abcde") -> dict[str, Any]:
    token = f"kube-api-access-{suffix}"
    mounts = [{"name": "cache", "mountPath": "/c"}, {"name": token, "mountPath": "/var/run/secrets/kubernetes.io/serviceaccount"}]
    return {
        "metadata": {"name": "bare", "labels": {"app": "bare"}, "annotations": {"note": "x"}},
        "spec": {
            "containers": [{"name": "app", "image": "a", "volumeMounts": mounts}, {"name": "side", "image": "b"}],
            "initContainers": [{"name": "init", "image": "c", "volumeMounts": mounts}],
            "volumes": [{"name": "cache", "emptyDir": {}}, {"name": token, "projected": {"sources": [{"a": 1}]}}],
            "securityContext": {"runAsNonRoot": True},
            "tolerations": [{"key": "a"}],
            "serviceAccountName": "default",
        },
    }


def test_what_is_another_one_in_every_new_pod_does_not_count() -> None:
    old, new = pod(), pod("vwxyz")
    old["spec"]["nodeName"] = "n1"
    old["spec"]["imagePullSecrets"] = [{"name": "old"}]
    new["spec"]["imagePullSecrets"] = [{"name": "regcred"}, {"name": "old"}]
    new["metadata"].update(name="bare-dry-run", uid="x", labels={"app": "bare", "added": "1"})
    old["metadata"]["labels"] = {"app": "bare", "topology.kubernetes.io/zone": "z"}
    old["metadata"]["annotations"] = {"note": "x", "cni.example.com/ip": "10.0.0.1"}
    old["metadata"]["managedFields"] = [
        {"manager": "kubectl", "fieldsV1": {"f:metadata": {"f:annotations": {".": {}, "f:note": {}}}}},
        {"manager": "cni", "subresource": "status", "fieldsV1": {"f:metadata": {"f:annotations": {"f:cni.example.com/ip": {}}}}},
    ]
    assert pod_differences(old, new) == ""
    assert pod_differences(pod(), pod()) == ""


WEAKER = {
    "spec.securityContext.runAsNonRoot": lambda new: new["spec"]["securityContext"].clear(),
    "spec.securityContext": lambda new: new["spec"].pop("securityContext"),
    "spec.nodeSelector": lambda new: new["spec"].update(nodeSelector={"a": "b"}),
    "spec.containers[side].image": lambda new: new["spec"]["containers"][1].update(image="x"),
    "spec.containers": lambda new: new["spec"]["containers"].reverse(),
    "spec.initContainers[init].resources": lambda new: new["spec"]["initContainers"][0].update(resources={}),
    "spec.tolerations": lambda new: new["spec"]["tolerations"].append({"key": "b"}),
    "spec.volumes[kube-api-access].projected.sources": lambda new: new["spec"]["volumes"][1]["projected"].update(sources=[]),
    "spec.containers[app].volumeMounts[cache].readOnly": lambda new: new["spec"]["containers"][0]["volumeMounts"][0].update(
        readOnly=True
    ),
    "spec.hostNetwork": lambda new: new["spec"].update(hostNetwork=True),
    "metadata.labels[app]": lambda new: new["metadata"].update(labels={}),
    "metadata.annotations[note]": lambda new: new["metadata"]["annotations"].update(note="y"),
}


@pytest.mark.parametrize("field", WEAKER)
def test_anything_else_counts(field: str) -> None:
    new = copy.deepcopy(pod("vwxyz"))
    WEAKER[field](new)
    expected = {"spec.securityContext": "spec.securityContext.runAsNonRoot"}.get(field, field)
    assert pod_differences(pod(), new).startswith(expected) or pod_differences(pod(), new) == field


def test_pull_secrets_and_tokens_that_are_lost_count() -> None:
    old, new = pod(), pod()
    old["spec"]["imagePullSecrets"] = [{"name": "a"}, {"name": "b"}]
    new["spec"]["imagePullSecrets"] = [{"name": "b"}, {"name": "c"}]
    assert pod_differences(old, new) == "spec.imagePullSecrets"
    # what only looks like the token's volume keeps its name
    new = pod("vwxyz")
    new["spec"]["volumes"][1] = {"name": "kube-api-access-vwxyz", "emptyDir": {}}
    assert "spec.volumes" in pod_differences(pod(), new)
    written = pod()
    written["metadata"]["labels"]["topology.kubernetes.io/zone"] = "z"
    written["metadata"]["managedFields"] = [{"fieldsV1": {"f:metadata": {"f:labels": {"f:topology.kubernetes.io/zone": {}}}}}]
    assert pod_differences(written, pod()) == "metadata.labels[topology.kubernetes.io/zone]"


def test_jobs() -> None:
    def job(uid: str, **spec: Any) -> dict[str, Any]:
        generated = {"batch.kubernetes.io/controller-uid": uid, "batch.kubernetes.io/job-name": uid, "controller-uid": uid}
        template = {"metadata": {"labels": {"app": "x", **generated}}, "spec": {"containers": [{"name": "a", "image": "i"}]}}
        return {
            "metadata": {
                "name": uid,
                "namespace": "n",
                "uid": uid,
                "labels": {"app": "x", **generated},
                "annotations": {"a": "b"},
            },
            "spec": {"selector": {"matchLabels": generated}, "template": template, "backoffLimit": 0, **spec},
        }

    assert job_differences(job("one"), job("two")) == ""
    assert job_differences(job("one"), job("two", backoffLimit=6, suspend=True)) == "spec.backoffLimit, spec.suspend"
    weaker = job("two")
    weaker["spec"]["template"]["spec"]["hostNetwork"] = True
    weaker["metadata"]["labels"].pop("app")
    assert job_differences(job("one"), weaker) == "spec.template.spec.hostNetwork, metadata.labels[app]"


def test_a_long_list_of_pull_secrets_takes_linear_time() -> None:
    old, new = pod(), pod()
    for one in (old, new):
        one["spec"]["imagePullSecrets"] = [{"name": str(number)} for number in range(40000)]
    began = time.process_time()
    assert pod_differences(old, new) == ""
    assert time.process_time() - began < 2

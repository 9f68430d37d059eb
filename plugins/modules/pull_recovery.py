#!/usr/bin/python
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

DOCUMENTATION = r"""
module: pull_recovery
short_description: Recover Pods that are stuck on an image pull
version_added: 0.1.0
description:
  - Finds Pods that cannot pull an image because they lack a credential, and recovers them with as little disruption as
    possible. Init and ephemeral containers are included. Run it after M(pullpass.registry.pull_secret) and
    M(pullpass.registry.pull_secret_link).
  - If the Secrets of a Pod now contain a matching credential, the Pod starts by itself, because the kubelet reads the Secrets
    at each attempt. The module does not touch it.
  - The list of pull secrets of an existing Pod cannot be changed. A Pod that was created before its ServiceAccount was linked
    is evicted, if the next Pod of its owner gets a credential for every image that is missing.
  - Problems that a credential cannot fix are only reported, for example a missing image, a rate limit, TLS or DNS.
  - A Pending Pod is evicted only if none of its containers runs. At a time, one in ten Pods of an owner is evicted, but at
    least three (only one for an ordered StatefulSet). With O(wait) the next ones follow when the replacements run. Kubernetes
    ignores PodDisruptionBudgets for Pending Pods.
  - A stuck Pod whose containers ran earlier is evicted if its PodDisruptionBudget allows it. A Pod of a Job is evicted only
    if none of its containers runs and the Job allows another failure.
  - If a Pod changes or recovers in the meantime, it is not evicted or deleted.
  - Without the permission to list events, Pods whose containers ran earlier can be missed, because the kubelet often reports
    them as crashed.
author:
  - pullpass.registry maintainers (@pullpass)
extends_documentation_fragment:
  - pullpass.registry._attributes
  - pullpass.registry._attributes.cluster
  - pullpass.registry._cluster
  - pullpass.registry._namespaces
  - pullpass.registry._namespaces.results
attributes:
  check_mode:
    support: full
    details:
      - Uses a server-side dry run, so PodDisruptionBudgets, admission and permissions are checked. Without the permission to
        evict, the module reports its plan and says that the server did not check it. It does not wait.
  diff_mode:
    support: full
    details:
      - Lists the Pods that are evicted and the objects that are replaced.
  idempotent:
    support: full
options:
  pods:
    description: Names or globs of Pods, a list of strings. By default all.
    type: raw
    default: ['*']
  evict:
    description:
      - Whether to evict Pods whose owner (ReplicaSet, StatefulSet, DaemonSet, ReplicationController or Job) creates a
        replacement.
      - With V(false) and an empty O(replace), the module only reports which Pods are stuck, why, and what to do.
    type: bool
    default: true
  replace:
    description:
      - Objects without a controller that the module itself deletes and creates again.
      - V(bare_pods) replaces Pods without a controller, if none of their containers ever started. Pods with finalizers,
        ephemeral containers, or containers or volumes that an admission controller added are not replaced.
      - V(jobs) replaces unfinished Jobs whose Pods cannot be evicted, because the Job does not allow another failure. Jobs with
        a Pod that ever started a container, and Jobs of a CronJob, are not replaced.
      - A dry run tests the new object first. If the server then rejects it, the old object is restored. In the meantime a file
        with mode 0600 contains the old object. It is in the directory for temporary files of the machine that runs the task,
        with the name C(pullpass-pod-NAMESPACE-NAME-*.json) or C(pullpass-job-*). It stays if the task is killed, or if the
        object cannot be restored; the error then contains its path.
      - The new object must be equal to the old one, because admission can treat the user of this task differently. If a field
        of the spec, a label or an annotation differs, the Pod is C(left) and the message lists the fields. The node, the volume
        of the ServiceAccount token and additional pull secrets can differ. If a difference appears only after the creation, the
        old object is restored and the task fails.
    type: list
    elements: str
    choices: [bare_pods, jobs]
    default: []
  wait:
    description:
      - Whether to wait until the Pods that start by themselves, and the replacements of evicted Pods, run or fail again.
        RV(pods[].runs) contains the result. A Pod that does not run gives a warning and does not fail the task.
      - While it waits, the module retries evictions that a PodDisruptionBudget forbids.
      - With V(false), the module does not wait between the evictions of one owner.
    type: bool
    default: true
  timeout:
    description:
      - Maximum time in seconds for O(wait).
      - The kubelet retries a pull after 10 to 300 seconds.
    type: int
    default: 330
seealso:
  - module: pullpass.registry.pull_secret
  - module: pullpass.registry.pull_secret_link
  - module: pullpass.registry.pull_secret_info
"""

EXAMPLES = r"""
- name: Recover all Pods that wait for the new credential
  pullpass.registry.pull_recovery:
    context: production
    namespaces: ['*']

- name: Only report the stuck Pods and their causes
  pullpass.registry.pull_recovery:
    namespaces: ['*']
    evict: false
    wait: false
    results: all
  register: stuck

- name: Recover bare Pods and Jobs, too, in two namespaces
  pullpass.registry.pull_recovery:
    namespaces: [team-a, team-b]
    replace: [bare_pods, jobs]

- name: Recover the Pods of one application without waiting
  pullpass.registry.pull_recovery:
    namespaces: [shop]
    pods: [frontend-*]
    wait: false
"""

RETURN = r"""
pods:
  description:
    - The stuck Pods. Pods that start by themselves are only counted, unless O(results=all).
    - A namespace that could not be read has a row without a Pod. With O(results=all), so does a namespace that is being
      deleted.
  returned: when a plan was made
  type: list
  elements: dict
  contains:
    namespace:
      description: Namespace of the Pod.
      type: str
      returned: always
    pod:
      description: Name of the Pod.
      type: str
      returned: always
    owner:
      description: Kind and name of the controller, or C(null) for a bare Pod.
      type: str
      returned: always
    image:
      description: The missing image. If there are several, the one that decided the action.
      type: str
      returned: always
    cause:
      description: Why the image is missing.
      type: str
      returned: always
    action:
      description:
        - C(recovering), the Pod starts by itself.
        - C(evicted), the owner creates another Pod.
        - C(replaced), the Pod or its Job was deleted and created again.
        - C(left), nothing was done. The message contains the reason and what to do.
        - C(blocked), a PodDisruptionBudget forbids the eviction. A person must decide.
        - C(skipped), the namespace is being deleted.
        - C(failed), another problem. Only this action makes the task fail, after all other Pods.
      type: str
      returned: always
    message:
      description: The finding, the action and its result.
      type: str
      returned: always
    runs:
      description: Whether the Pod, or its replacement, now has its images. C(null) if the module did not wait long enough.
      type: bool
      returned: always
  sample:
    - namespace: team-a
      pod: web-5d9c7b6f4-x2x4z
      owner: ReplicaSet web-5d9c7b6f4
      image: registry.example.com/team/web:1.0
      cause: >-
        no pull secret: the Pod was admitted before its ServiceAccount was linked (ServiceAccount default has regcred).
        Replace it.
      action: evicted
      message: web-5d9c7b6f4-k8s2p has its images now (phase Running)
      runs: true
summary:
  description: Number of Pods for each action. C(skipped) counts namespaces, and is present only if it is not zero.
  returned: when a plan was made
  type: dict
  sample: {"recovering": 3, "evicted": 1, "replaced": 0, "left": 0, "blocked": 0, "failed": 0}
cluster:
  description: The API server and the kubeconfig context that the task used.
  returned: when a plan was made
  type: dict
  contains:
    server:
      description: URL of the API server.
      type: str
      returned: always
    context:
      description: Name of the context, or C(null).
      type: str
      returned: always
api_requests:
  description: Number of requests to the API server.
  returned: when a plan was made
  type: int
  sample: 9
"""

import typing as t

from ..module_utils._errors import InputError
from ..module_utils._module.base import PullpassModule, run
from ..module_utils._module.cluster_options import CLUSTER_OPTIONS, RESULT_OPTIONS, open_cluster
from ..module_utils._module.text_options import texts
from ..module_utils._recovery.model import RecoveryAction
from ..module_utils._recovery.plan import BARE_PODS, JOBS, RecoveryPolicy
from ..module_utils._recovery.report import recovery_diff, recovery_result, recovery_warnings
from ..module_utils._recovery.run import RecoveryOptions, recover

ACTIONS = RecoveryAction.ALL

OPTIONS: dict[str, t.Any] = {
    "pods": texts(default=["*"]),
    "evict": {"type": "bool", "default": True},
    "replace": {"type": "list", "elements": "str", "choices": [BARE_PODS, JOBS], "default": []},
    "wait": {"type": "bool", "default": True},
    "timeout": {"type": "int", "default": 330},
}


def check_options(params: dict[str, t.Any]) -> None:
    if not params["pods"] or not all(pattern.strip() for pattern in params["pods"]):
        raise InputError("pods is an empty list, or holds an empty text. Give names or globs; ['*'] is all of them.")
    if params["timeout"] <= 0:
        raise InputError(f"timeout is {params['timeout']}. Expected more than 0 seconds. To follow no Pods, set wait to false.")


def flow(module: PullpassModule) -> dict[str, t.Any]:
    params = module.params
    check_options(params)
    api, chosen = open_cluster(module)
    options = RecoveryOptions(
        patterns=params["pods"],
        policy=RecoveryPolicy(params["evict"], tuple(params["replace"])),
        seconds=params["timeout"] if params["wait"] else 0,
    )
    outcomes = recover(api, chosen, options, params["workers"], module.check_mode)
    for warning in recovery_warnings(outcomes, options.seconds):
        module.warn(warning)
    answer = recovery_result(outcomes, params["results"] == "all")
    if module._diff:
        answer["diff"] = recovery_diff(outcomes)
    return {**answer, "cluster": api.identity, "api_requests": api.requests}


def main() -> None:
    run(flow, argument_spec={**OPTIONS, **CLUSTER_OPTIONS, **RESULT_OPTIONS}, supports_check_mode=True)


if __name__ == "__main__":
    main()

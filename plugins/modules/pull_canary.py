#!/usr/bin/python
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

DOCUMENTATION = r"""
module: pull_canary
short_description: Test with a Pod whether an image can be pulled
version_added: 0.1.0
description:
  - Creates a Pod that makes the kubelet pull an image, waits for the result, and deletes the Pod. Works in any number of
    namespaces and on one, some or all nodes.
  - Nothing of the image runs, because the command of the Pod does not exist in it. The pull policy is C(Always), so the node
    asks the registry even if it already has the image.
  - The Pod satisfies the Pod Security Standard C(restricted), has requests and limits that fit the LimitRanges of its
    namespace, mounts no token and opts out of service meshes.
  - If the test is not possible, the message contains the reason, for example an admission policy, a quota, a LimitRange, a
    missing ServiceAccount, no node with enough room, skipped nodes or a timeout. A failure in one place does not stop the
    others.
  - If admission changes the pull policy of the Pod, or removes one of O(secrets) or the label of the Pod, the action is
    C(failed), because the test would prove nothing.
  - Its Pods are always deleted. If a run is killed, a later run in the same namespaces deletes the Pods that are older than
    O(timeout) plus 30 seconds.
author:
  - pullpass.registry maintainers (@pullpass)
extends_documentation_fragment:
  - pullpass.registry._attributes
  - pullpass.registry._attributes.cluster
  - pullpass.registry._cluster
  - pullpass.registry._namespaces
attributes:
  check_mode:
    support: partial
    details:
      - Uses a server-side dry run, so admission, quotas and permissions are checked. It does not test the pull.
  diff_mode:
    support: none
  idempotent:
    support: full
    details:
      - Leaves no object in the cluster. C(changed) is always false.
options:
  image:
    description: Image to pull (string).
    type: raw
    required: true
  service_account:
    description: ServiceAccount of the Pods (string).
    type: raw
    default: default
  secrets:
    description:
      - Pull secrets of the Pods, a list of strings. The Pods use exactly these.
      - By default, and with an empty list, the Pods use the pull secrets of their ServiceAccount.
    type: raw
  nodes:
    description:
      - V(one) creates one Pod for each namespace. The scheduler chooses the node.
      - V(all) creates one Pod for each namespace and node. A label selector such as V(kubernetes.io/arch=amd64) does the same
        for the nodes that match. Both require the permission to list nodes.
      - Nodes are skipped and reported if they are not ready, cordoned, virtual, being deleted, do not run Linux, have a taint
        with the effect C(NoSchedule) or C(NoExecute), or have an architecture that the image does not support.
    type: raw
    default: one
  resources:
    description:
      - Requests and limits of the container.
      - By default 10m of CPU and 16Mi of memory, or what a LimitRange of the namespace requires.
    type: dict
    suboptions:
      requests:
        description: Quantity for each resource, for example V(10m) for C(cpu).
        type: dict
      limits:
        description: Quantity for each resource, for example V(10m) for C(cpu).
        type: dict
  timeout:
    description:
      - Maximum time in seconds from the creation of a Pod to its result, 1 to 3600.
      - If the registry denies access or does not have the image, the result comes at once, or after 20 seconds if it is not
        known whether the kubelet had the Secrets of the Pod. If the problem can be temporary, for example an unreachable
        registry or a cluster without room, the module waits the full time.
    type: int
    default: 120
  results:
    description:
      - Which rows to return. V(changed) omits the rows of successful pulls. V(all) returns all rows.
      - The summary counts all rows.
    type: str
    choices: [changed, all]
    default: all
notes:
  - Each Pod counts as one pull for the rate limit of a registry. More than ten Pods give a warning.
  - The result applies to Pods of this namespace with this ServiceAccount and these pull secrets, on this node. The pull can
    also succeed with credentials of the node, and a public registry needs no credential.
  - Requires the permissions to create, list and delete Pods. They are checked before the first Pod is created. Without the
    permission to list events, a missing Secret is not reported, and a denied pull takes 20 seconds.
seealso:
  - module: pullpass.registry.pull_secret
  - module: pullpass.registry.pull_secret_link
  - module: pullpass.registry.pull_secret_info
"""

EXAMPLES = r"""
- name: Test the default ServiceAccount of each team namespace
  pullpass.registry.pull_canary:
    context: production
    image: registry.example.com/team/app:1.0
    namespaces: [team-*]

- name: Test one Secret on every node
  pullpass.registry.pull_canary:
    image: registry.example.com/team/app:1.0
    namespaces: [team-a]
    secrets: [regcred]
    nodes: all
  register: canary
  failed_when: canary.summary is not defined

- name: Show the nodes that cannot pull
  ansible.builtin.debug:
    msg: "{{ canary.nodes | selectattr('action', 'eq', 'not_pulled') | map(attribute='node') | list }}"

- name: Test the nodes of one architecture with a short timeout
  pullpass.registry.pull_canary:
    image: registry.example.com/team/app:1.0
    namespaces: [team-a]
    nodes: kubernetes.io/arch=amd64
    timeout: 30
"""

RETURN = r"""
nodes:
  description: One row for each Pod, sorted by namespace and node. O(results) decides which rows are returned.
  returned: when a test was possible
  type: list
  elements: dict
  contains:
    namespace:
      description: Namespace of the Pod. C(null) if the row applies to all namespaces, for example for a skipped node.
      type: str
      returned: always
    node:
      description: Node of the Pod. C(null) if no node was chosen.
      type: str
      returned: always
    action:
      description:
        - C(pulled); C(not_pulled) (the kubelet reports that it cannot pull); C(unproven) (check mode); C(skipped) (the node is
          not suitable, or the namespace is being deleted); or C(failed) (there is no result, because the Pod was rejected,
          found no node or reached the timeout).
      type: str
      returned: always
    pulled:
      description: True for C(pulled), false for C(not_pulled), C(null) if the result is not known.
      type: bool
      returned: always
    seconds:
      description: Time until the result. C(null) without a Pod.
      type: float
      returned: always
    message:
      description: What the result proves, or what prevented the test.
      type: str
      returned: always
  sample:
    - namespace: team-a
      node: worker-1
      action: pulled
      pulled: true
      seconds: 2.3
      message: a Pod of ServiceAccount default with pull secret regcred can pull it
summary:
  description: Number of rows for each action.
  returned: when a test was possible
  type: dict
  sample: {"pulled": 12, "not_pulled": 0, "unproven": 0, "skipped": 1, "failed": 0}
swept:
  description: Canary Pods of earlier runs that this run deleted, as C(namespace/name).
  returned: when a test was possible
  type: list
  elements: str
  sample: []
cluster:
  description: The API server and the kubeconfig context that the task used.
  returned: when a test was possible
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
  returned: when a test was possible
  type: int
  sample: 9
"""

import re
import typing as t

from ..module_utils._canary.model import Canary, CanaryAction, Resources
from ..module_utils._canary.report import canary_result
from ..module_utils._canary.run import CanaryRun
from ..module_utils._cluster.validation import check_object_name
from ..module_utils._credentials.image_reference import parse_image
from ..module_utils._errors import InputError
from ..module_utils._module.base import PullpassModule, run
from ..module_utils._module.cluster_options import CLUSTER_OPTIONS, RESULT_OPTIONS, open_cluster
from ..module_utils._module.text_options import text, texts
from ..module_utils._text import shown

ACTIONS = CanaryAction.ALL
LONGEST_TIMEOUT = 3600
# kubernetes apimachinery pkg/api/resource/quantity.go, without a sign
QUANTITY = re.compile(r"([0-9]+\.?[0-9]*|\.[0-9]+)([KMGTPE]i|[numkMGTPE]|[eE][+-]?[0-9]+)?", re.ASCII)

OPTIONS: dict[str, t.Any] = {
    "image": text(required=True),
    "service_account": text(default="default"),
    # names, not their content
    "secrets": texts(no_log=False),
    "nodes": text(default="one"),
    "resources": {"type": "dict", "options": {"requests": {"type": "dict"}, "limits": {"type": "dict"}}},
    "timeout": {"type": "int", "default": 120},
    # whoever asks for a proof wants to see it
    "results": {**RESULT_OPTIONS["results"], "default": "all"},
}


def check_options(params: dict[str, t.Any]) -> None:
    parse_image(params["image"])
    check_object_name("service_account", params["service_account"])
    for name in params["secrets"] or ():
        check_object_name("secrets", name)
    if not params["nodes"].strip():
        raise InputError("nodes is empty. Give one, all, or a label selector such as kubernetes.io/arch=amd64.")
    if not 1 <= params["timeout"] <= LONGEST_TIMEOUT:
        raise InputError(f"timeout is {params['timeout']}. Expected seconds, 1 to {LONGEST_TIMEOUT}.")


def resources_option(value: dict[str, t.Any] | None) -> Resources | None:
    """The amounts as text, which is how the API takes all of them. None where no resources are given."""
    given = {kind: amounts for kind, amounts in (value or {}).items() if amounts}
    for kind, amounts in given.items():
        for name, amount in amounts.items():
            if isinstance(amount, bool) or not QUANTITY.fullmatch(str(amount)):
                what = f"'{shown(str(amount))}' is not an amount of '{shown(str(name))}'"
                raise InputError(f"resources.{kind}: {what}. Give one such as 10m or 16Mi.")
    return {kind: {str(name): str(amount) for name, amount in given[kind].items()} for kind in given} or None


def flow(module: PullpassModule) -> dict[str, t.Any]:
    params = module.params
    check_options(params)
    canary = Canary(
        image=params["image"],
        account=params["service_account"],
        secrets=list(dict.fromkeys(params["secrets"] or ())),
        resources=resources_option(params["resources"]),
        timeout=params["timeout"],
    )
    api, chosen = open_cluster(module)
    canary_run = CanaryRun(api, chosen, canary, params["nodes"].strip(), params["workers"], module.check_mode, module.warn)
    outcomes = canary_run.run()
    answer = canary_result(canary.image, outcomes, params["results"] == "all")
    return {**answer, "swept": canary_run.removed, "cluster": api.identity, "api_requests": api.requests}


def main() -> None:
    run(flow, argument_spec={**CLUSTER_OPTIONS, **OPTIONS}, supports_check_mode=True)


if __name__ == "__main__":
    main()

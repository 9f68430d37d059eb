#!/usr/bin/python
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

DOCUMENTATION = r"""
module: pull_canary
short_description: Prove with a real Pod that an image can be pulled
version_added: 0.1.0
description:
  - Creates a Pod that makes the kubelet pull an image, in any number of namespaces and on one, some or all nodes, waits until the
    kubelet tells whether it could, and removes the Pod.
  - Nothing of the image runs. The Pod's command does not exist in it, and its pull policy is C(Always), so that the node asks the
    registry even where it has the image already.
  - The Pod satisfies the Pod Security Standard C(restricted), has requests and limits, mounts no token and opts out of service
    meshes. Where a LimitRange wants other resources, it gets those.
  - Tells apart why there is no proof, such as admission policies, quotas, a LimitRange, a missing ServiceAccount, no node with
    room, nodes that were skipped, or a time-out. A place that fails does not stop the others.
  - Where admission changes the pull policy of the Pod, or takes away one of O(secrets) or its label, nothing would be proven. The
    action is C(failed), and the Pod is removed at once.
  - Its Pods are removed whatever happens. Those of a run that was killed are removed by a later run in the same namespaces, once
    they are past their own deadline, which is O(timeout) and half a minute after their creation.
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
      - Asks the server by a dry run whether it would take the Pods, so that admission, quota and rights speak up. Whether the
        image can be pulled is not proven.
  diff_mode:
    support: none
  idempotent:
    support: full
    details:
      - Leaves nothing behind, and C(changed) is always false.
options:
  image:
    description: The image to pull, a text.
    type: raw
    required: true
  service_account:
    description: Name of the ServiceAccount that the Pods have, a text.
    type: raw
    default: default
  secrets:
    description:
      - Names of the pull secrets that the Pods name, a list of texts, exactly these.
      - By default they name none, and the server gives them those of the ServiceAccount. So does an empty list.
    type: raw
  nodes:
    description:
      - A text. V(one) sends one Pod for each namespace to a node that the scheduler chooses.
      - V(all) sends one for each namespace and node. A label selector such as V(kubernetes.io/arch=amd64) chooses among
        the nodes. Both need the right to list nodes.
      - Nodes that are not ready, cordoned, virtual, being deleted, no Linux, or that have a taint of effect C(NoSchedule) or
        C(NoExecute), are skipped and named, and so is a node for whose architecture the image is not made.
    type: raw
    default: one
  resources:
    description:
      - Requests and limits of the container, exactly these.
      - By default 10m of CPU and 16Mi of memory, or what a LimitRange of the namespace wants instead.
    type: dict
    suboptions:
      requests:
        description: An amount for each resource, such as V(10m) for C(cpu).
        type: dict
      limits:
        description: An amount for each resource, such as V(10m) for C(cpu).
        type: dict
  timeout:
    description:
      - Seconds for each Pod to be decided, from its creation on, 1 to 3600.
      - A registry that denies or does not have the image decides at once, or after twenty seconds where the kubelet did not tell
        that it had the Pod's Secrets. What may pass, such as a registry that cannot be reached or a cluster without room, is
        given all of this time.
    type: int
    default: 120
  results:
    description:
      - Which rows the result holds. V(changed) leaves out those of Pods that pulled as they should, V(all) holds everything.
      - What is left out is still counted in the summary.
    type: str
    choices: [changed, all]
    default: all
notes:
  - Each Pod costs one pull of what a registry allows in a time. With more than ten Pods there is a warning.
  - What is proven is that a Pod of this namespace, ServiceAccount and pull secrets can pull the image on this node. It may owe
    that to credentials of the node, and an open registry needs none.
  - Needs the rights to create, list and delete Pods, which are tested before a Pod is created. Without the right to list events,
    a missing Secret is not named, and a denial takes twenty seconds.
seealso:
  - module: pullpass.registry.pull_secret
  - module: pullpass.registry.pull_secret_link
  - module: pullpass.registry.pull_secret_info
"""

EXAMPLES = r"""
- name: Can the default ServiceAccount of each team namespace pull
  pullpass.registry.pull_canary:
    context: production
    image: registry.example.com/team/app:1.0
    namespaces: [team-*]

- name: On every node, with this Secret and no other
  pullpass.registry.pull_canary:
    image: registry.example.com/team/app:1.0
    namespaces: [team-a]
    secrets: [regcred]
    nodes: all
  register: canary
  failed_when: canary.summary is not defined

- name: Name the nodes that cannot pull
  ansible.builtin.debug:
    msg: "{{ canary.nodes | selectattr('action', 'eq', 'not_pulled') | map(attribute='node') | list }}"

- name: Only on nodes of one architecture, without waiting long
  pullpass.registry.pull_canary:
    image: registry.example.com/team/app:1.0
    namespaces: [team-a]
    nodes: kubernetes.io/arch=amd64
    timeout: 30
"""

RETURN = r"""
nodes:
  description: What became of each Pod, by namespace and node; which rows are in it, O(results) says.
  returned: always, unless nothing could be tried
  type: list
  elements: dict
  contains:
    namespace:
      description: Its namespace. None for what holds in all of them, such as a node that was skipped.
      type: str
      returned: always
    node:
      description: The node that it was on, or was meant for. None where no node was chosen.
      type: str
      returned: always
    action:
      description:
        - C(pulled); C(not_pulled) (the kubelet tells that it cannot); C(unproven) (check mode); C(skipped) (a node that is not
          fit, or a namespace that is being deleted); or C(failed) (there is no answer, since the Pod was refused, found no node
          or was not decided in time).
      type: str
      returned: always
    pulled:
      description: True for C(pulled), false for C(not_pulled), none where it is not known.
      type: bool
      returned: always
    seconds:
      description: How long it took until it was decided. None where there was no Pod.
      type: float
      returned: always
    message:
      description: What is proven, or what was in the way.
      type: str
      returned: always
  sample:
    - namespace: team-a
      node: worker-1
      action: pulled
      pulled: true
      seconds: 2.3
      message: a Pod of ServiceAccount default with pull Secret regcred can pull it
summary:
  description: How many rows had each action.
  returned: always, unless nothing could be tried
  type: dict
  sample: {"pulled": 12, "not_pulled": 0, "unproven": 0, "skipped": 1, "failed": 0}
swept:
  description: Canary Pods that an earlier run had left behind and that were removed, as C(namespace/name).
  returned: always, unless nothing could be tried
  type: list
  elements: str
  sample: []
cluster:
  description: The API server that was used, and the context of the kubeconfig that named it.
  returned: always, unless nothing could be tried
  type: dict
  contains:
    server:
      description: Its URL.
      type: str
      returned: always
    context:
      description: Name of the context, or none.
      type: str
      returned: always
api_requests:
  description: How many requests were sent to the API server.
  returned: always, unless nothing could be tried
  type: int
  sample: 9
"""

import re
import secrets
import typing as t

from ..module_utils._canary import report as canary_result
from ..module_utils._canary.model import Canary, Resources
from ..module_utils._canary.run import CanaryTask
from ..module_utils._cluster.validation import check_object_name
from ..module_utils._credentials.image_reference import parse_image
from ..module_utils._errors import InputError
from ..module_utils._module.base import PullpassModule, run
from ..module_utils._module.cluster_options import CLUSTER_OPTIONS, RESULT_OPTIONS, open_cluster
from ..module_utils._module.text_options import text, texts
from ..module_utils._text import shown

ACTIONS = canary_result.ACTIONS
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
                what = f"'{shown(str(amount))}' is no amount of '{shown(str(name))}'"
                raise InputError(f"resources.{kind}: {what}. Give one such as 10m or 16Mi.")
    return {kind: {str(name): str(amount) for name, amount in given[kind].items()} for kind in given} or None


def flow(module: PullpassModule) -> dict[str, t.Any]:
    params = module.params
    check_options(params)
    canary = Canary(
        run=secrets.token_hex(5),
        image=params["image"],
        account=params["service_account"],
        secrets=list(dict.fromkeys(params["secrets"] or ())),
        resources=resources_option(params["resources"]),
        timeout=params["timeout"],
    )
    api, chosen = open_cluster(module)
    task = CanaryTask(api, chosen, canary, params["nodes"].strip(), params["workers"], module.check_mode)
    try:
        attempts = task.attempts()
    finally:
        for warning in task.warnings:
            module.warn(warning)
    answer = canary_result.told(canary.image, attempts, params["results"] == "all")
    return {**answer, "swept": task.swept, "cluster": api.identity, "api_requests": api.requests}


def main() -> None:
    run(flow, argument_spec={**CLUSTER_OPTIONS, **OPTIONS}, supports_check_mode=True)


if __name__ == "__main__":
    main()

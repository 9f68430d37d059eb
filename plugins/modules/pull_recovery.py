#!/usr/bin/python
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

DOCUMENTATION = r"""
module: pull_recovery
short_description: Get Pods that are stuck on an image pull going again
version_added: 0.1.0
description:
  - Finds Pods, init and ephemeral containers included, whose image does not come for want of a credential, in any number of
    namespaces, and does the least that gets them going. Run it after M(pullpass.registry.pull_secret) and
    M(pullpass.registry.pull_secret_link).
  - A Pod's list of pull secrets never changes, but the kubelet reads the Secrets anew at each try. So a Pod whose Secrets hold a
    matching credential by now is left to start by itself. A Pod whose list is wrong, since it was admitted before its
    ServiceAccount was linked, is evicted, where the next Pod of its owner would have a credential for every image that this one
    lacks.
  - What no credential mends is left alone and named, such as an image that does not exist, a rate limit, TLS or DNS.
  - Pending Pods with nothing running are evicted, a few at a time for each owner (one in ten, at least three; one for an
    ordered StatefulSet), and with O(wait) the rest only once these run. The API asks no PodDisruptionBudget about Pending Pods.
    A Pending Pod with a running container is left. Pods that ran before are evicted where their budget allows.
  - A Job's Pod is evicted only where none of its containers runs and the Job can afford one more failure.
  - Every eviction and deletion holds only for the Pod as it was seen. One that got well meanwhile is never touched.
  - Reads the Pods with one list, in pages, and asks about single objects only where a Pod is stuck. Events are read, if that is
    allowed, where a Pod's status does not say why its image does not come. A kubelet tells of a container that ran before mostly
    as if it had crashed, so without them such Pods may be missed.
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
      - A dry run on the server, so that budgets, admission and rights speak up. Where the right to evict is missing, the plan
        alone is told, and that it was not checked. Waits for nothing.
  diff_mode:
    support: full
    details:
      - Names the Pods that go and those that are made anew.
  idempotent:
    support: full
options:
  pods:
    description: Names or globs of Pods, a list of texts. By default all.
    type: raw
    default: ['*']
  evict:
    description:
      - Evict Pods whose owner (ReplicaSet, StatefulSet, DaemonSet, ReplicationController or Job) makes another in their place.
      - With V(false), and nothing in O(replace), the module only tells what is stuck, why, and what would help.
    type: bool
    default: true
  replace:
    description:
      - What to delete and make anew, though nobody else would. A trial run of the new object comes first, and the old one
        comes back if the new one is refused. Until one of the two is there, a file with mode 0600 holds the old one, in the
        directory for temporary files of the machine where the task runs, as C(pullpass-pod-NAMESPACE-NAME-*.json) or
        C(pullpass-job-*). It stays if the task is killed or both are refused, and then the error has its path.
      - Nothing is replaced where the new one would differ. Admission decides by who creates an object, and whoever runs this
        may be exempt from a policy. So the answer to the trial run is compared with the old one. Where a field of the spec is
        another one, or a label or annotation is lost or changed, the Pod is C(left) and the message names the fields. The node,
        the volume of the ServiceAccount's token and added pull secrets may differ. The new object is compared again once it is
        there. If it differs then, it is removed, the old one is put back, and the task fails.
      - V(bare_pods) are Pods without a controller. Only those none of whose containers ever started, and not those with
        finalizers, ephemeral containers, or containers or volumes that an admission controller has added.
      - V(jobs) are Jobs whose Pods may not be evicted, since one failure is one too many. Only those that have not finished and
        none of whose Pods ever started a container, and not those of a CronJob. It would hold two runs to be one.
    type: list
    elements: str
    choices: [bare_pods, jobs]
    default: []
  wait:
    description:
      - Follow the Pods that start by themselves, and those that come in the place of evicted ones, until they run or fail once
        more. RV(pods[].runs) says which. One that does not run is told and warned of, and is no failure of the task.
      - Where a PodDisruptionBudget forbids an eviction just now it is tried again meanwhile.
      - Without it the result tells only what was done, and evictions of one owner do not wait for each other.
    type: bool
    default: true
  timeout:
    description:
      - The most seconds for O(wait).
      - The kubelet tries a pull again 10 to 300 seconds after the last time.
    type: int
    default: 330
seealso:
  - module: pullpass.registry.pull_secret
  - module: pullpass.registry.pull_secret_link
  - module: pullpass.registry.pull_secret_info
"""

EXAMPLES = r"""
- name: Get everything going that was waiting for the new credential
  pullpass.registry.pull_recovery:
    context: production
    namespaces: ['*']

- name: Only tell what is stuck, and why
  pullpass.registry.pull_recovery:
    namespaces: ['*']
    evict: false
    wait: false
    results: all
  register: stuck

- name: Bare Pods and Jobs as well, in two namespaces
  pullpass.registry.pull_recovery:
    namespaces: [team-a, team-b]
    replace: [bare_pods, jobs]

- name: The Pods of one application, without waiting
  pullpass.registry.pull_recovery:
    namespaces: [shop]
    pods: [frontend-*]
    wait: false
"""

RETURN = r"""
pods:
  description:
    - The stuck Pods. By default without those that start by themselves, which are only counted; O(results=all) has them too.
    - A namespace that could not be looked at has a row without a Pod. One that is being deleted has one with O(results=all).
  returned: always, unless nothing could be planned
  type: list
  elements: dict
  contains:
    namespace:
      description: Its namespace.
      type: str
      returned: always
    pod:
      description: Its name.
      type: str
      returned: always
    owner:
      description: Kind and name of its controller, none for a bare Pod.
      type: str
      returned: always
    image:
      description: The image that it lacks, the one that decided about it where there are several.
      type: str
      returned: always
    cause:
      description: Why it lacks it.
      type: str
      returned: always
    action:
      description:
        - C(recovering), it starts by itself.
        - C(evicted), its owner makes another one.
        - C(replaced), it or its Job was made anew.
        - C(left), nothing was done, and the message says why and what would help.
        - C(blocked), a PodDisruptionBudget does not let it go, and a person has to decide.
        - C(skipped), its namespace is being deleted.
        - C(failed), something else was in the way. Only this makes the task fail, after all the rest was done.
      type: str
      returned: always
    message:
      description: What was found and done, and what has become of it.
      type: str
      returned: always
    runs:
      description: Whether it, or what came in its place, has its images now; none where nobody waited for that, or too short.
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
  description: How many Pods had each action. C(skipped) counts namespaces, and is there only where there are some.
  returned: always, unless nothing could be planned
  type: dict
  sample: {"recovering": 3, "evicted": 1, "replaced": 0, "left": 0, "blocked": 0, "failed": 0}
cluster:
  description: The API server that was used, and the context of the kubeconfig that named it.
  returned: always, unless nothing could be planned
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
  returned: always, unless nothing could be planned
  type: int
  sample: 9
"""

import typing as t

from ..module_utils._errors import InputError
from ..module_utils._module.base import PullpassModule, run
from ..module_utils._module.cluster_options import CLUSTER_OPTIONS, RESULT_OPTIONS, open_cluster
from ..module_utils._module.text_options import texts
from ..module_utils._recovery.plan import BARE_PODS, JOBS, Wish
from ..module_utils._recovery.report import recovery_diff, recovery_warnings, told_recovery
from ..module_utils._recovery.run import Recovery, Terms

ACTIONS = ("recovering", "evicted", "replaced", "left", "blocked", "failed")

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
        raise InputError("timeout is not more than 0. Give seconds, or set wait to false.")


def flow(module: PullpassModule) -> dict[str, t.Any]:
    params = module.params
    check_options(params)
    api, chosen = open_cluster(module)
    terms = Terms(
        patterns=params["pods"],
        wish=Wish(params["evict"], tuple(params["replace"])),
        seconds=params["timeout"] if params["wait"] else 0,
        workers=params["workers"],
        check_mode=module.check_mode,
    )
    fates = Recovery(api, chosen, terms).run()
    for warning in recovery_warnings(fates, terms.seconds):
        module.warn(warning)
    answer = told_recovery(fates, ACTIONS, params["results"] == "all")
    if module._diff:
        answer["diff"] = recovery_diff(fates)
    return {**answer, "cluster": api.identity, "api_requests": api.requests}


def main() -> None:
    run(flow, argument_spec={**OPTIONS, **CLUSTER_OPTIONS, **RESULT_OPTIONS}, supports_check_mode=True)


if __name__ == "__main__":
    main()

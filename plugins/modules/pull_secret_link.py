#!/usr/bin/python
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

DOCUMENTATION = r"""
module: pull_secret_link
short_description: Link image pull secrets to ServiceAccounts and workloads
version_added: 0.1.0
description:
  - Adds names to C(imagePullSecrets) of ServiceAccounts, or of the Pod templates of workloads, in any number of namespaces, or
    takes them out. Pods that are created afterwards use them; Pods that exist already do not change.
  - A Pod gets the list of its ServiceAccount only when its own is empty. So where a ServiceAccount was linked in this run, the
    module looks for Deployments, StatefulSets, DaemonSets and CronJobs there whose own list hides it, and warns with their
    names; and where a template got its first entry, it warns of what its Pods no longer get from their ServiceAccount. What may
    not be listed is passed over. A run that links nothing sends no request for this, and looks through what it lists anyway.
  - No list is written in part. It is read, extended at its end and written back guarded by the version that was read, so that
    no entry of anybody else is lost and their order stays.
  - Lists what is there once for each kind and writes only what differs, many at a time. With nothing to change it sends no write.
    A workload is written, and so rolls out, at most once in a run, however many secrets and entries concern it.
  - The object that the server returns after each write is compared with the plan. Where a mutating admission policy or a webhook
    changed the list, the action is C(failed) and the message says what the list is now.
  - An object that fails does not stop the others. The module does the rest, then fails and says for each what was in the way.
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
      - A dry run on the server, so that admission and rights speak up. Where the right to write is missing, the plan alone is
        told, and that it was not checked.
      - Does not wait for ServiceAccounts that are not there yet; they, and workloads whose exact name is missing, are told as
        C(skipped).
  diff_mode:
    support: full
  idempotent:
    support: full
options:
  secrets:
    description:
      - Names of the pull secrets, a list of texts, in the order in which they are appended.
      - The Secrets need not exist. The kubelet warns of a missing one and pulls without it.
    type: raw
    required: true
  state:
    description: Whether the names are to be in the lists, or not.
    type: str
    choices: [present, absent]
    default: present
  service_accounts:
    description:
      - Names or globs of ServiceAccounts, a list of texts.
      - By default V([default]) when O(workloads) is not given, else none.
    type: raw
  workloads:
    description:
      - Workloads whose Pod template is to have the names in a list of its own, a list of mappings. Their change rolls out as any
        other one does.
      - C(kind) (text, required) is one of C(Deployment), C(StatefulSet), C(DaemonSet), C(ReplicaSet), C(ReplicationController),
        C(CronJob), C(Job) and C(Pod).
      - C(name) (text, by default V(*)) is a name or glob. An exact name says that it is there. One that is in none of the chosen
        namespaces is a failure where O(namespaces) are exact names as well, and a warning where they are chosen by glob or label,
        or with O(state=absent).
      - C(selector) (text) is a label selector, such as V(app=shop,tier!=cache), which the workloads have to match as well.
      - What a controller makes (the ReplicaSet of a Deployment, the Job of a CronJob, a Pod of either, the Deployment of an
        operator) is C(owned) and never written, not even with O(force). Link its maker, or the ServiceAccount.
      - The list of a Job or Pod that exists cannot be changed; that is told as C(needs_replacement). Those that are finished,
        what is being deleted, and old ReplicaSets without Pods are left out.
      - One list of the cluster is read for each kind, and one more for each different C(selector) of that kind.
    type: raw
  wait_for_service_accounts:
    description:
      - Seconds to wait for ServiceAccounts with an exact name that are not there yet, 0 for not at all.
      - A new namespace gets its C(default) ServiceAccount a moment after it was made.
    type: int
    default: 30
  force:
    description:
      - Write even a list that another server-side-apply manager owns, or that C(kubectl apply) has set, and workloads that Helm,
        Argo CD, Flux or another such tool keeps. Without it they are C(contested), and a failure.
      - Their next apply may take the entry out again, or fail. Better put it where they keep the list.
    type: bool
    default: false
seealso:
  - module: pullpass.registry.pull_secret
  - name: Add ImagePullSecrets to a service account
    description: What this module does by hand.
    link: https://kubernetes.io/docs/tasks/configure-pod-container/configure-service-account/#add-imagepullsecrets-to-a-service-account
"""

EXAMPLES = r"""
- name: Let every Pod that uses a default ServiceAccount pull
  pullpass.registry.pull_secret_link:
    context: production
    secrets: [regcred]
    namespaces: ['*']

- name: Only the build accounts of the team namespaces
  pullpass.registry.pull_secret_link:
    secrets: [regcred]
    namespaces: [team-*]
    service_accounts: [builder, deployer-*]

- name: Workloads that have pull secrets of their own
  pullpass.registry.pull_secret_link:
    secrets: [regcred]
    namespaces: [team-*]
    workloads:
      - kind: Deployment
        name: shop-*
      - kind: StatefulSet
        selector: app.kubernetes.io/part-of=shop
      - kind: CronJob

- name: Take it out again
  pullpass.registry.pull_secret_link:
    secrets: [regcred]
    state: absent
    namespaces: ['*']
    service_accounts: ['*']
"""

RETURN = r"""
links:
  description: What became of each ServiceAccount and workload; which rows are in it, O(results) says.
  returned: always, unless nothing could be planned
  type: list
  elements: dict
  contains:
    namespace:
      description: Its namespace.
      type: str
      returned: always
    kind:
      description: Its kind, C(ServiceAccount) or one of those of O(workloads).
      type: str
      returned: always
    name:
      description: Its name; C(*) where the objects of that kind could not be listed.
      type: str
      returned: always
    action:
      description:
        - C(linked), C(unlinked), C(unchanged), C(owned) (a controller makes it, and would undo the change), C(contested) (another
          manager or tool keeps it), C(needs_replacement) (a Job or Pod whose list is fixed), C(skipped) (the namespace is being
          deleted, or the object has gone), or C(failed).
        - Of these C(contested) and C(failed) make the task fail.
      type: str
      returned: always
    message:
      description: Why, or what was changed and when it takes effect.
      type: str
      returned: always
  sample: [{"namespace": "team-a", "kind": "ServiceAccount", "name": "default", "action": "linked", "message": "added: regcred"}]
summary:
  description: How many ServiceAccounts and workloads had each action.
  returned: always, unless nothing could be planned
  type: dict
  sample:
    linked: 2
    unlinked: 0
    unchanged: 498
    owned: 0
    contested: 0
    needs_replacement: 0
    skipped: 0
    failed: 0
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
  sample: 2
"""

import typing as t

from ..module_utils._cluster.kinds import WORKLOAD_RESOURCES
from ..module_utils._cluster.namespaces import is_glob
from ..module_utils._cluster.validation import check_object_name
from ..module_utils._errors import InputError
from ..module_utils._links.accounts import LinkAccounts, OwnLists
from ..module_utils._links.model import workload_entries
from ..module_utils._links.plan import WorkloadPlan
from ..module_utils._links.report import diffs_by_kind
from ..module_utils._links.workloads import Found, LinkWorkloads, WorkloadSurvey
from ..module_utils._module.base import PullpassModule, run
from ..module_utils._module.cluster_options import CLUSTER_OPTIONS, RESULT_OPTIONS, open_cluster
from ..module_utils._module.text_options import mappings, text, texts
from ..module_utils._reconcile.image_pull_secrets import AccountPlan, Links
from ..module_utils._reconcile.report import told

if t.TYPE_CHECKING:
    from ..module_utils._cluster.api import Api
    from ..module_utils._cluster.namespaces import Chosen
    from ..module_utils._links.model import Entry
    from ..module_utils._links.report import LinkOutcome

ACTIONS = ("linked", "unlinked", "unchanged", "owned", "contested", "needs_replacement", "skipped", "failed")

OPTIONS: dict[str, t.Any] = {
    # names, not their content
    "secrets": texts(required=True, no_log=False),
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    "service_accounts": texts(),
    "workloads": mappings(
        {"kind": text(required=True, choices=list(WORKLOAD_RESOURCES)), "name": text(default="*"), "selector": text()}, "kind"
    ),
    "wait_for_service_accounts": {"type": "int", "default": 30},
    "force": {"type": "bool", "default": False},
}


def wanted(params: dict[str, t.Any]) -> tuple[Links, list[str], list[Entry]]:
    """What is to be in the lists, and of which ServiceAccounts and workloads."""
    for option in ("secrets", "service_accounts", "workloads"):
        if params[option] is not None and not params[option]:
            remedy = "Give at least one name." if option == "secrets" else "Give at least one entry, or leave the option out."
            raise InputError(f"{option} is an empty list. {remedy}")
    entries = workload_entries(params["workloads"] or ())
    accounts = params["service_accounts"] or ([] if entries else ["default"])
    for option, names in (("secrets", params["secrets"]), ("service_accounts", accounts)):
        for name in names:
            if option == "secrets" or not is_glob(name):
                check_object_name(option, name)
    if params["wait_for_service_accounts"] < 0:
        raise InputError("wait_for_service_accounts is negative. Expected seconds, 0 for not waiting.")
    links = Links(tuple(dict.fromkeys(params["secrets"])), params["state"] == "present", params["force"])
    return links, list(dict.fromkeys(accounts)), entries


def link_all(
    module: PullpassModule, links: Links, names: list[str], entries: list[Entry], api: Api, chosen: Chosen
) -> list[LinkOutcome]:
    """ServiceAccounts first: a workload that rolls out then makes its Pods with both."""
    params = module.params
    survey = WorkloadSurvey(api, chosen, params["workers"])
    exact = not params["namespace_selectors"] and not any(is_glob(name) for name in params["namespaces"] or ())
    workloads = LinkWorkloads(survey, entries, WorkloadPlan(links), exact, module.check_mode)
    # looked for before anything is written: a selector may turn out to be none
    found = workloads.find() if entries else Found()
    accounts: list[LinkOutcome] = []
    if names:
        wait = params["wait_for_service_accounts"]
        linking = LinkAccounts(api, chosen, names, AccountPlan(links), wait, params["workers"], module.check_mode)
        accounts = linking.run()
    outcomes = workloads.run(found)
    everything = [*accounts, *outcomes, *([] if names else workloads.closed())]
    own = OwnLists(survey, links)
    hints = [workloads.absent_warning(found)]
    if links.present:
        hints += [own.unseen(accounts, outcomes), own.lost(outcomes, found.workloads)]
    if chosen.namespaces and not everything and not hints[0]:
        what = " and no ".join([*(["ServiceAccount"] if names else []), *dict.fromkeys(entry.kind for entry in entries)])
        hints.append(f"no {what} in the chosen namespaces matches: nothing is done.")
    for hint in filter(None, hints):
        module.warn(hint)
    return everything


def row(outcome: LinkOutcome) -> dict[str, str]:
    return {"namespace": outcome.namespace, "kind": outcome.kind, "name": outcome.name}


def flow(module: PullpassModule) -> dict[str, t.Any]:
    links, names, entries = wanted(module.params)
    api, chosen = open_cluster(module)
    outcomes = link_all(module, links, names, entries, api, chosen)
    answer = told(outcomes, ACTIONS, "links", row, module.params["results"] == "all")
    if module._diff:
        answer["diff"] = diffs_by_kind(outcomes)
    return {**answer, "cluster": api.identity, "api_requests": api.requests}


def main() -> None:
    run(flow, argument_spec={**OPTIONS, **CLUSTER_OPTIONS, **RESULT_OPTIONS}, supports_check_mode=True)


if __name__ == "__main__":
    main()

#!/usr/bin/python
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

DOCUMENTATION = r"""
module: pull_secret_link
short_description: Link image pull secrets to ServiceAccounts and workloads
version_added: 0.1.0
description:
  - Adds names to C(imagePullSecrets) of ServiceAccounts, or of the Pod templates of workloads, or removes them, in any number
    of namespaces. New Pods use the changed list. Existing Pods do not change.
  - A Pod gets the list of its ServiceAccount only if its own list is empty. After it links a ServiceAccount, the module warns
    of Deployments, StatefulSets, DaemonSets and CronJobs whose own list hides that of the ServiceAccount. After it adds the
    first entry to a Pod template, it warns of the entries that its Pods no longer get from their ServiceAccount.
  - Existing entries and their order do not change. New names are appended.
  - Writes only objects that differ from the desired state, several in parallel. A workload is written, and rolls out, at most
    once in a run.
  - If an admission policy or a webhook changes a written list, the action is C(failed) and the message contains the new list.
  - An object that fails does not stop the others. At the end the module fails and reports the reason for each such object.
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
      - Uses a server-side dry run, so admission and permissions are checked. Without the permission to write, the module
        reports its plan and says that the server did not check it.
      - Does not wait for missing ServiceAccounts. They, and missing workloads with an exact name, are reported as C(skipped).
  diff_mode:
    support: full
  idempotent:
    support: full
options:
  secrets:
    description:
      - Names of the pull secrets, a list of strings, in the order in which they are appended.
      - The Secrets do not have to exist. The kubelet logs a warning for a missing Secret and pulls without it.
    type: raw
    required: true
  state:
    description: Whether the names are in the lists (V(present)) or not (V(absent)).
    type: str
    choices: [present, absent]
    default: present
  service_accounts:
    description:
      - Names or globs of ServiceAccounts, a list of strings.
      - Default is V([default]), or no ServiceAccount if O(workloads) is given.
    type: raw
  workloads:
    description:
      - Workloads to link in their own Pod template, a list of mappings. The change causes a rollout, as any change of a Pod
        template does.
      - C(kind) (string, required) is C(Deployment), C(StatefulSet), C(DaemonSet), C(ReplicaSet), C(ReplicationController),
        C(CronJob), C(Job) or C(Pod).
      - C(name) (string, default V(*)) is a name or glob. If a workload with an exact name exists in none of the selected
        namespaces, this is a failure. With O(state=absent), or if the namespaces are selected by glob or label, it is only a
        warning.
      - C(selector) (string) is a label selector that the workloads must match, too, for example V(app=shop,tier!=cache).
      - An object that a controller creates (the ReplicaSet of a Deployment, the Job of a CronJob, a Pod of either, the
        Deployment of an operator) is C(owned). It is never written, not even with O(force). Link its owner or its
        ServiceAccount instead.
      - The list of an existing Job or Pod cannot be changed. This is reported as C(needs_replacement). Finished Jobs and Pods,
        objects that are being deleted, and old ReplicaSets without Pods are ignored.
      - Each kind costs one list request for the cluster, and each additional C(selector) of that kind one more.
    type: raw
  wait_for_service_accounts:
    description:
      - Seconds to wait for missing ServiceAccounts that are given by their exact name. V(0) does not wait.
      - Kubernetes creates the ServiceAccount V(default) shortly after its namespace.
    type: int
    default: 30
  force:
    description:
      - Write a list even if another manager of server-side apply owns it or C(kubectl apply) has set it, and write workloads
        that Helm, Argo CD, Flux or a similar tool manages. Without this option they are C(contested), which is a failure.
      - The next apply of that tool can remove the entry or fail. It is better to add the entry in the source of that tool.
    type: bool
    default: false
seealso:
  - module: pullpass.registry.pull_secret
  - name: Add ImagePullSecrets to a service account
    description: The manual steps that this module automates.
    link: https://kubernetes.io/docs/tasks/configure-pod-container/configure-service-account/#add-imagepullsecrets-to-a-service-account
"""

EXAMPLES = r"""
- name: Link the default ServiceAccount of every namespace
  pullpass.registry.pull_secret_link:
    context: production
    secrets: [regcred]
    namespaces: ['*']

- name: Link only the build accounts of the team namespaces
  pullpass.registry.pull_secret_link:
    secrets: [regcred]
    namespaces: [team-*]
    service_accounts: [builder, deployer-*]

- name: Link workloads that have pull secrets of their own
  pullpass.registry.pull_secret_link:
    secrets: [regcred]
    namespaces: [team-*]
    workloads:
      - kind: Deployment
        name: shop-*
      - kind: StatefulSet
        selector: app.kubernetes.io/part-of=shop
      - kind: CronJob

- name: Unlink all ServiceAccounts
  pullpass.registry.pull_secret_link:
    secrets: [regcred]
    state: absent
    namespaces: ['*']
    service_accounts: ['*']
"""

RETURN = r"""
links:
  description: One row for each ServiceAccount and workload. O(results) decides which rows are returned.
  returned: when a plan was made
  type: list
  elements: dict
  contains:
    namespace:
      description: Namespace of the object.
      type: str
      returned: always
    kind:
      description: Kind of the object, C(ServiceAccount) or a kind from O(workloads).
      type: str
      returned: always
    name:
      description: Name of the object, or C(*) if the objects of this kind could not be listed.
      type: str
      returned: always
    action:
      description:
        - C(linked), C(unlinked), C(unchanged), C(owned) (a controller creates the object and would revert the change),
          C(contested) (another manager or tool owns the list), C(needs_replacement) (the list of a Job or Pod cannot be
          changed), C(skipped) (the object is gone, or its namespace is being deleted), or C(failed).
        - C(contested) and C(failed) make the task fail.
      type: str
      returned: always
    message:
      description: The reason, or what was changed and when it takes effect.
      type: str
      returned: always
  sample: [{"namespace": "team-a", "kind": "ServiceAccount", "name": "default", "action": "linked", "message": "added: regcred"}]
summary:
  description: Number of ServiceAccounts and workloads for each action.
  returned: when a plan was made
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
  sample: 2
"""

import typing as t

from ..module_utils._cluster.kinds import WORKLOADS
from ..module_utils._cluster.namespaces import is_glob
from ..module_utils._cluster.validation import check_object_name
from ..module_utils._errors import InputError
from ..module_utils._links.model import workload_entries
from ..module_utils._links.report import links_report
from ..module_utils._links.run import LinkRequest, link
from ..module_utils._module.base import PullpassModule, run
from ..module_utils._module.cluster_options import CLUSTER_OPTIONS, RESULT_OPTIONS, open_cluster
from ..module_utils._module.text_options import mappings, text, texts
from ..module_utils._reconcile.targets import DesiredLinks

OPTIONS: dict[str, t.Any] = {
    # names, not their content
    "secrets": texts(required=True, no_log=False),
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    "service_accounts": texts(),
    "workloads": mappings(
        {"kind": text(required=True, choices=list(WORKLOADS)), "name": text(default="*"), "selector": text()}, "kind"
    ),
    "wait_for_service_accounts": {"type": "int", "default": 30},
    "force": {"type": "bool", "default": False},
}


def link_request(params: dict[str, t.Any]) -> LinkRequest:
    """The checked options. Raises InputError."""
    for option in ("secrets", "service_accounts", "workloads"):
        if params[option] is not None and not params[option]:
            remedy = "Give at least one name." if option == "secrets" else "Give at least one entry, or leave the option out."
            raise InputError(f"{option} is an empty list. {remedy}")
    workloads = workload_entries(params["workloads"] or ())
    accounts = params["service_accounts"] or ([] if workloads else ["default"])
    for option, names in (("secrets", params["secrets"]), ("service_accounts", accounts)):
        for name in names:
            if option == "secrets" or not is_glob(name):
                check_object_name(option, name)
    if params["wait_for_service_accounts"] < 0:
        raise InputError("wait_for_service_accounts is negative. Expected seconds, or 0 to not wait.")
    return LinkRequest(
        desired=DesiredLinks(tuple(dict.fromkeys(params["secrets"])), params["state"] == "present", params["force"]),
        accounts=list(dict.fromkeys(accounts)),
        workloads=workloads,
        wait=params["wait_for_service_accounts"],
        exact_namespaces=not params["namespace_selectors"] and not any(is_glob(name) for name in params["namespaces"] or ()),
    )


def flow(module: PullpassModule) -> dict[str, t.Any]:
    request = link_request(module.params)
    api, chosen = open_cluster(module)
    result = link(api, chosen, request, module.params["workers"], module.check_mode)
    for warning in result.warnings:
        module.warn(warning)
    report = links_report(result.outcomes, module.params["results"] == "all", module._diff)
    return {**report, "cluster": api.identity, "api_requests": api.requests}


def main() -> None:
    run(flow, argument_spec={**OPTIONS, **CLUSTER_OPTIONS, **RESULT_OPTIONS}, supports_check_mode=True)


if __name__ == "__main__":
    main()

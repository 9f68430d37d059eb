#!/usr/bin/python
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

DOCUMENTATION = r"""
module: pull_secret_link
short_description: Link image pull secrets to ServiceAccounts
version_added: 0.1.0
description:
  - Adds names to C(imagePullSecrets) of ServiceAccounts in any number of namespaces, or takes them out. Pods that are created
    afterwards without pull secrets of their own then use them; Pods that exist already do not change.
  - The list has no merge key in the API. It is read, extended at its end and written back guarded by the version that was
    read, so that no entry of anybody else is lost and their order stays.
  - Lists what is there once and writes only what differs, many at a time. With nothing to change it sends no write.
  - A ServiceAccount that fails does not stop the others. The module does the rest, then fails and says for each what was in the
    way.
author:
  - pullpass.registry maintainers (@pullpass)
extends_documentation_fragment:
  - pullpass.registry.attributes
  - pullpass.registry.attributes.cluster
  - pullpass.registry.cluster
  - pullpass.registry.namespaces
  - pullpass.registry.namespaces.results
attributes:
  check_mode:
    support: full
    details:
      - A dry run on the server, so that admission and rights speak up. Where the right to write is missing, the plan alone is
        told, and that it was not checked.
      - Does not wait for ServiceAccounts that are not there yet; they are told as C(skipped).
  diff_mode:
    support: full
  idempotent:
    support: full
options:
  secrets:
    description:
      - Names of the pull secrets, in the order in which they are appended.
      - The Secrets need not exist. The kubelet warns of a missing one and pulls without it.
    type: list
    elements: str
    required: true
  state:
    description: Whether the names are to be in the lists, or not.
    type: str
    choices: [present, absent]
    default: present
  service_accounts:
    description: Names or globs of ServiceAccounts.
    type: list
    elements: str
    default: [default]
  wait_for_service_accounts:
    description:
      - Seconds to wait for ServiceAccounts with an exact name that are not there yet, 0 for not at all.
      - A new namespace gets its C(default) ServiceAccount a moment after it was made.
    type: int
    default: 30
  force:
    description:
      - Write even a list that another server-side-apply manager owns, or that C(kubectl apply) has set. Without it such a
        ServiceAccount is C(contested), and a failure.
      - Their next apply takes the entry out again, or fails. Better put it where they keep the list.
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

- name: Take it out again
  pullpass.registry.pull_secret_link:
    secrets: [regcred]
    state: absent
    namespaces: ['*']
    service_accounts: ['*']
"""

RETURN = r"""
links:
  description: What became of each ServiceAccount; which rows are in it, O(results) says.
  returned: always, unless nothing could be planned
  type: list
  elements: dict
  contains:
    namespace:
      description: Its namespace.
      type: str
      returned: always
    kind:
      description: Always C(ServiceAccount) so far.
      type: str
      returned: always
    name:
      description: Its name.
      type: str
      returned: always
    action:
      description:
        - C(linked), C(unlinked), C(unchanged), C(contested) (another manager owns the list), C(skipped) (the namespace is being
          deleted), or C(failed).
      type: str
      returned: always
    message:
      description: Why, or what was changed.
      type: str
      returned: always
  sample: [{"namespace": "team-a", "kind": "ServiceAccount", "name": "default", "action": "linked", "message": "added: regcred"}]
summary:
  description: How many ServiceAccounts had each action.
  returned: always, unless nothing could be planned
  type: dict
  sample: {"linked": 2, "unlinked": 0, "unchanged": 498, "contested": 0, "skipped": 0, "failed": 0}
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

from ansible_collections.pullpass.registry.plugins.module_utils._cluster.names import check_object_name
from ansible_collections.pullpass.registry.plugins.module_utils._cluster.namespaces import is_glob
from ansible_collections.pullpass.registry.plugins.module_utils._cluster_options import (
    CLUSTER_OPTIONS,
    RESULT_OPTIONS,
    open_cluster,
)
from ansible_collections.pullpass.registry.plugins.module_utils._errors import InputError
from ansible_collections.pullpass.registry.plugins.module_utils._module import PullpassModule, run
from ansible_collections.pullpass.registry.plugins.module_utils._rollout.link_accounts import LinkAccounts
from ansible_collections.pullpass.registry.plugins.module_utils._rollout.result import diffs, told
from ansible_collections.pullpass.registry.plugins.module_utils._rollout.service_account import LinkPlan

if t.TYPE_CHECKING:
    from ansible_collections.pullpass.registry.plugins.module_utils._rollout.carry_out import Outcome

ACTIONS = ("linked", "unlinked", "unchanged", "contested", "skipped", "failed")

OPTIONS: dict[str, t.Any] = {
    # names, not their content
    "secrets": {"type": "list", "elements": "str", "required": True, "no_log": False},
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    "service_accounts": {"type": "list", "elements": "str", "default": ["default"]},
    "wait_for_service_accounts": {"type": "int", "default": 30},
    "force": {"type": "bool", "default": False},
}


def check_names(params: dict[str, t.Any]) -> None:
    for option in ("secrets", "service_accounts"):
        if not params[option]:
            raise InputError(f"{option} is an empty list. Give at least one name.")
        for name in params[option]:
            if option == "secrets" or not is_glob(name):
                check_object_name(option, name)
    if params["wait_for_service_accounts"] < 0:
        raise InputError("wait_for_service_accounts is negative. Expected seconds, 0 for not waiting.")


def row(outcome: Outcome) -> dict[str, str]:
    return {"namespace": outcome.namespace, "kind": "ServiceAccount", "name": outcome.name}


def flow(module: PullpassModule) -> dict[str, t.Any]:
    params = module.params
    check_names(params)
    api, chosen = open_cluster(module)
    outcomes = LinkAccounts(
        api=api,
        chosen=chosen,
        names=list(dict.fromkeys(params["service_accounts"])),
        plan=LinkPlan(list(dict.fromkeys(params["secrets"])), params["state"] == "present", params["force"]),
        wait=params["wait_for_service_accounts"],
        workers=params["workers"],
        check_mode=module.check_mode,
    ).run()
    if chosen.namespaces and not outcomes:
        module.warn("no ServiceAccount in the chosen namespaces matches: nothing is done.")
    answer = told(outcomes, ACTIONS, "links", row, params["results"] == "all")
    if module._diff:
        answer["diff"] = diffs(outcomes, "ServiceAccount")
    return {**answer, "cluster": api.identity, "api_requests": api.requests}


def main() -> None:
    run(flow, argument_spec={**OPTIONS, **CLUSTER_OPTIONS, **RESULT_OPTIONS}, supports_check_mode=True)


if __name__ == "__main__":
    main()

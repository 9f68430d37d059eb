#!/usr/bin/python
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

DOCUMENTATION = r"""
module: pull_secret
short_description: Manage image pull secrets in one or many namespaces
version_added: 0.1.0
description:
  - Creates, updates and removes Secrets of type C(kubernetes.io/dockerconfigjson), in any number of namespaces of a cluster in
    one task.
  - Lists what is there once, compares in memory, and writes only what differs, many at a time. With nothing to change it sends
    no write.
  - The document for one registry is byte for byte the one of C(kubectl create secret docker-registry).
  - A namespace that fails does not stop the others. The module does the rest, then fails and says for each what was in the way.
  - Never returns a password, nor anything that one could be read from.
author:
  - pullpass.registry maintainers (@pullpass)
extends_documentation_fragment:
  - pullpass.registry.attributes
  - pullpass.registry.attributes.cluster
  - pullpass.registry.cluster
  - pullpass.registry.namespaces
  - pullpass.registry.credentials
attributes:
  check_mode:
    support: full
    details:
      - A dry run on the server, so that admission, quota and rights speak up. Where the right to write is missing, the plan
        alone is told, and that it was not checked.
      - A dry run does not add up a quota, and cannot write into a namespace that an earlier task of the same check run would
        make.
  diff_mode:
    support: full
    details:
      - Credentials are replaced by markers. Changes that are alike are shown once, with the namespaces they are made to.
  idempotent:
    support: full
options:
  name:
    description: Name of the Secret.
    type: str
    required: true
  state:
    description:
      - With V(present) the Secret holds the given registries and no other; what goes is listed in RV(purged).
      - With V(absent) the Secret is removed, whatever credentials are given.
    type: str
    choices: [present, absent]
    default: present
  purge_registries:
    description:
      - Whether registries that are not given are taken out of the Secret.
      - Only V(true) is there so far.
    type: bool
    default: true
  owner:
    description:
      - Value of label C(pullpass.registry/owner), by which the module knows its own Secrets. Several teams can use it on one
        cluster under owners of their own.
    type: str
    default: default
  adopt:
    description:
      - Whether a Secret without our label, or of another owner, may be taken over.
      - With V(false) such a Secret is C(refused) when it would have to change, and only warned about when it already says what
        is wanted. With O(state=absent) it is skipped.
      - With V(true) it gets our label and loses C(kubectl.kubernetes.io/last-applied-configuration), in which C(kubectl apply)
        keeps the credentials in plain sight.
      - What Helm, Argo CD, Flux, External Secrets, a reflector or an owner reference manages is refused all the same.
    type: bool
    default: false
  labels:
    description: Labels to set. Others on the Secret stay. C(pullpass.registry/owner) is set by O(owner).
    type: dict
    default: {}
  annotations:
    description: Annotations to set. Others on the Secret stay. They are readable for more people than the Secret is.
    type: dict
    default: {}
seealso:
  - module: pullpass.registry.pull_secret_link
  - name: Pull an Image from a Private Registry
    description: What this module does by hand.
    link: https://kubernetes.io/docs/tasks/configure-pod-container/pull-image-private-registry/
"""

EXAMPLES = r"""
- name: One registry for every namespace but a few
  pullpass.registry.pull_secret:
    context: production
    name: regcred
    namespaces: ['*']
    exclude_namespaces: [sandbox-*]
    registries:
      - registry: registry.example.com:5000
        username: ci-bot
        password: "{{ vault_registry_password }}"

- name: Two registries out of a docker config, for labelled namespaces
  pullpass.registry.pull_secret:
    name: regcred
    namespace_selectors: [registry-access=true]
    config_file: ~/.docker/config.json
    config_registries: [docker.io, ghcr.io]

- name: Take over what was made by hand
  pullpass.registry.pull_secret:
    name: regcred
    namespaces: [team-a]
    adopt: true
    registries: "{{ pullpass_registries }}"

- name: Remove it everywhere
  pullpass.registry.pull_secret:
    name: regcred
    state: absent
    namespaces: ['*']
"""

RETURN = r"""
namespaces:
  description: What became of each namespace; which rows are in it, O(results) says.
  returned: always, unless nothing could be planned
  type: list
  elements: dict
  contains:
    namespace:
      description: Its name.
      type: str
      returned: always
    action:
      description:
        - C(created), C(updated), C(deleted), C(unchanged), C(skipped) (the namespace is being deleted, or the Secret is not ours
          to remove), C(refused) (the Secret is not ours to change), or C(failed).
      type: str
      returned: always
    message:
      description: Why, or what was changed.
      type: str
      returned: always
  sample: [{"namespace": "team-a", "action": "created", "message": ""}]
summary:
  description: How many namespaces had each action.
  returned: always, unless nothing could be planned
  type: dict
  sample: {"created": 2, "updated": 0, "deleted": 0, "unchanged": 498, "skipped": 0, "refused": 0, "failed": 0}
registries:
  description: Keys under which the registries stand in the document, sorted.
  returned: always, unless nothing could be planned
  type: list
  elements: str
  sample: ["https://index.docker.io/v1/", "registry.example.com:5000"]
purged:
  description: Keys that were taken out of a Secret, or that went with it, sorted.
  returned: always, unless nothing could be planned
  type: list
  elements: str
  sample: []
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

from ansible_collections.pullpass.registry.plugins.module_utils._cluster.names import (
    check_annotations,
    check_labels,
    check_object_name,
)
from ansible_collections.pullpass.registry.plugins.module_utils._cluster.objects import Objects
from ansible_collections.pullpass.registry.plugins.module_utils._cluster_options import CLUSTER_OPTIONS, open_cluster
from ansible_collections.pullpass.registry.plugins.module_utils._credential_options import (
    CREDENTIAL_OPTIONS,
    SOURCES,
    credentials_option,
)
from ansible_collections.pullpass.registry.plugins.module_utils._errors import InputError
from ansible_collections.pullpass.registry.plugins.module_utils._masking import mark_secrets
from ansible_collections.pullpass.registry.plugins.module_utils._module import run
from ansible_collections.pullpass.registry.plugins.module_utils._rollout.carry_out import CarryOut
from ansible_collections.pullpass.registry.plugins.module_utils._rollout.ownership import OWNER_LABEL
from ansible_collections.pullpass.registry.plugins.module_utils._rollout.pull_secret import PullSecretPlan
from ansible_collections.pullpass.registry.plugins.module_utils._rollout.result import diffs, told, warnings
from ansible_collections.pullpass.registry.plugins.module_utils._rollout.secret import WantedSecret, stored_secret
from ansible_collections.pullpass.registry.plugins.module_utils._rollout.survey import closed_outcomes, objects_named

if t.TYPE_CHECKING:
    from collections.abc import Sequence

    from ansible.module_utils.basic import AnsibleModule
    from ansible_collections.pullpass.registry.plugins.module_utils._rollout.carry_out import Outcome

ACTIONS = ("created", "updated", "deleted", "unchanged", "skipped", "refused", "failed")

OPTIONS: dict[str, t.Any] = {
    "name": {"type": "str", "required": True},
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    "purge_registries": {"type": "bool", "default": True},
    "owner": {"type": "str", "default": "default"},
    "adopt": {"type": "bool", "default": False},
    "labels": {"type": "dict", "default": {}},
    "annotations": {"type": "dict", "default": {}},
}


def wanted_secret(module: AnsibleModule) -> WantedSecret:
    """What the options ask for, every part of it checked."""
    params = module.params
    check_object_name("name", params["name"])
    check_labels("owner", {OWNER_LABEL: params["owner"]})
    check_labels("labels", params["labels"])
    check_annotations("annotations", params["annotations"])
    if not params["owner"]:
        raise InputError("owner is empty. Give a name for whoever looks after this Secret, or leave the option out.")
    if OWNER_LABEL in params["labels"]:
        raise InputError(f"labels sets {OWNER_LABEL}. That is what the option owner is for.")
    if not params["purge_registries"]:
        raise InputError("purge_registries: false is not there yet. Give all registries that the Secret shall hold.")
    credentials = credentials_option(module) if params["state"] == "present" else []
    return WantedSecret(params["name"], params["owner"], params["adopt"], credentials, params["labels"], params["annotations"])


def result(module: AnsibleModule, wanted: WantedSecret, outcomes: Sequence[Outcome]) -> dict[str, t.Any]:
    show_all = module.params["results"] == "all"
    answer = told(outcomes, ACTIONS, "namespaces", lambda one: {"namespace": one.namespace}, show_all)
    answer["registries"] = [credential.registry for credential in wanted.credentials]
    answer["purged"] = sorted({key for outcome in outcomes for key in outcome.step.purged})
    for warning in warnings(outcomes):
        module.warn(f"Secret {wanted.name} {warning}")
    if module._diff:
        answer["diff"] = diffs(outcomes, "Secret")
    return answer


def flow(module: AnsibleModule) -> dict[str, t.Any]:
    wanted = wanted_secret(module)
    plan = PullSecretPlan(wanted)
    mark_secrets(module, plan.secrets if wanted.credentials else ())
    api, chosen = open_cluster(module)
    subjects = objects_named(api, "secrets", stored_secret, wanted.name, chosen)
    carry_out = CarryOut(Objects(api, "secrets", module.check_mode), stored_secret, plan.step)
    outcomes = carry_out.run(subjects, module.params["workers"]) + closed_outcomes(chosen, wanted.name, module.check_mode)
    outcomes.sort(key=lambda one: one.namespace)
    return {**result(module, wanted, outcomes), "cluster": api.identity, "api_requests": api.requests}


def main() -> None:
    run(
        flow,
        argument_spec={**OPTIONS, **CREDENTIAL_OPTIONS, **CLUSTER_OPTIONS},
        mutually_exclusive=[SOURCES],
        required_if=[("state", "present", SOURCES, True)],
        required_by={"config_registries": "config_file"},
        supports_check_mode=True,
    )


if __name__ == "__main__":
    main()

#!/usr/bin/python
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

DOCUMENTATION = r"""
module: pull_secret
short_description: Manage image pull secrets in one or many namespaces
version_added: 0.1.0
description:
  - Creates, updates and deletes Secrets of type C(kubernetes.io/dockerconfigjson) in any number of namespaces of one cluster.
  - Lists the existing Secrets once and writes only those that differ, several in parallel. If nothing differs, it sends no
    write.
  - The document for one registry is identical, byte for byte, to that of C(kubectl create secret docker-registry).
  - A namespace that fails does not stop the others. At the end the module fails and reports the reason for each such namespace.
  - If an admission policy or a webhook changes the data, the type or the labels of a written Secret, the action is C(failed)
    and the message says what was changed.
  - Never returns a password, or a value from which a password can be derived.
author:
  - pullpass.registry maintainers (@pullpass)
extends_documentation_fragment:
  - pullpass.registry._attributes
  - pullpass.registry._attributes.cluster
  - pullpass.registry._cluster
  - pullpass.registry._namespaces
  - pullpass.registry._namespaces.results
  - pullpass.registry._credentials
  - pullpass.registry._registries
  - pullpass.registry._registries.verify
  - pullpass.registry._registries.unverified
attributes:
  check_mode:
    support: full
    details:
      - O(verify) asks the registries in check mode, too.
      - Uses a server-side dry run, so admission, quotas and permissions are checked. Without the permission to write, the
        module reports its plan and says that the server did not check it.
      - A dry run checks the quota for each object alone. It cannot write to a namespace that an earlier task of the same check
        run would create.
  diff_mode:
    support: full
    details:
      - Markers replace credentials. Equal changes are shown once, with a list of their namespaces.
  idempotent:
    support: full
options:
  name:
    description: Name of the Secret (string).
    type: raw
    required: true
  state:
    description:
      - V(present) stores the given registries in the Secret. RV(purged) lists the registries that were removed from the Secret.
      - V(absent) deletes the Secret, whatever credentials are given, unless O(purge_registries=false).
    type: str
    choices: [present, absent]
    default: present
  from_secret:
    description:
      - Copy the credentials from this pull secret of the same cluster. A mapping with C(namespace) and C(name) (strings, both
        required). Labels and annotations are not copied. The source itself is never changed.
      - Credential helpers in its document are never run. An entry in a credential helper is an error.
      - List the registries to copy in O(config_registries). Without it, anyone who can write the source Secret can choose the
        registries that are distributed.
    type: raw
  purge_registries:
    description:
      - Whether the Secret contains only the given registries.
      - V(false) merges them into the Secret. All other parts of the document stay byte for byte the same. With O(state=absent)
        only the given registries are removed, and the Secret is deleted with its last one. A Secret is C(refused) if its
        document cannot be read.
    type: bool
    default: true
  owner:
    description:
      - Value (string) of the label C(pullpass.registry/owner). The module manages only Secrets with this label and value. Teams
        that share a cluster can use different owners.
    type: raw
    default: default
  adopt:
    description:
      - Whether to take over a Secret that has no owner label or another owner.
      - With V(false), such a Secret is C(refused) if it has to change. If it already has the desired content, it only gets a
        warning. With O(state=absent) it is skipped.
      - With V(true), the Secret gets the owner label and loses the annotation
        C(kubectl.kubernetes.io/last-applied-configuration), in which C(kubectl apply) stores the credentials in readable form.
      - A Secret that is managed by Helm, Argo CD, Flux, External Secrets, a reflector or an owner reference is always
        C(refused).
    type: bool
    default: false
  recreate:
    description:
      - Whether to delete and create a Secret that has another type, or that is immutable and has to change. With V(false) such
        a Secret is C(refused).
      - A dry run tests the new Secret first. If the server then rejects it, the old Secret is restored.
      - Kubelets use the old content of an immutable Secret until no Pod on their node refers to it. The message names these
        Pods.
    type: bool
    default: false
  immutable:
    description: Whether the Secret is immutable. By default this stays as it is. V(false) for an immutable Secret requires
      O(recreate).
    type: bool
  prune:
    description:
      - Whether to delete Secrets with this name and O(owner) from namespaces that are no longer selected.
      - With V(false) they are reported as C(orphaned), if namespaces are selected by glob or label.
      - ServiceAccounts that still refer to a deleted Secret are reported, unless O(prune_links) unlinks them.
    type: bool
    default: false
  prune_links:
    description:
      - With O(prune), whether to remove the Secret from the ServiceAccounts that refer to it, before it is deleted.
      - If another tool manages the list of a ServiceAccount, or the list cannot be written, the Secret stays and is C(refused)
        or C(failed).
      - Requires the permissions to list, get and patch ServiceAccounts in these namespaces. Without the permission to list
        them, only the ServiceAccount V(default) is unlinked, and the message says so.
    type: bool
    default: false
  refresh_before:
    description:
      - Keep a stored token if its own expiry time is at least this many seconds away, even if a newer token is given. With
        O(verify) the registry must still accept the stored token. A new C(revision), or a password that does not expire, always
        replaces the stored token.
      - Use this with a credential helper that returns a new token at each call. Otherwise each run writes every Secret.
    type: int
  labels:
    description:
      - Labels to set. Other labels of the Secret stay.
      - Labels that mark objects of other tools are rejected, for example C(app.kubernetes.io/instance), which Argo CD uses to
        prune.
    type: dict
    default: {}
  annotations:
    description: Annotations to set. Other annotations of the Secret stay. More people can read annotations than Secrets.
    type: dict
    default: {}
seealso:
  - module: pullpass.registry.pull_secret_link
  - module: pullpass.registry.image_access_info
  - name: Pull an Image from a Private Registry
    description: The manual steps that this module automates.
    link: https://kubernetes.io/docs/tasks/configure-pod-container/pull-image-private-registry/
"""

EXAMPLES = r"""
- name: Store one registry in all namespaces except sandboxes
  pullpass.registry.pull_secret:
    context: production
    name: regcred
    namespaces: ['*']
    exclude_namespaces: [sandbox-*]
    registries:
      - registry: registry.example.com:5000
        username: ci-bot
        password: "{{ vault_registry_password }}"

- name: Copy two registries from a docker config to labelled namespaces
  pullpass.registry.pull_secret:
    name: regcred
    namespace_selectors: [registry-access=true]
    config_file: ~/.docker/config.json
    config_registries: [docker.io, ghcr.io]

- name: Write only if the credential can pull the image
  pullpass.registry.pull_secret:
    name: regcred
    namespaces: [team-a, team-b]
    registries: "{{ pullpass_registries }}"
    verify: pull
    images: [registry.example.com:5000/team/app:1.0]

- name: Take over a Secret that was created manually
  pullpass.registry.pull_secret:
    name: regcred
    namespaces: [team-a]
    adopt: true
    registries: "{{ pullpass_registries }}"

- name: Add one registry and keep the others
  pullpass.registry.pull_secret:
    name: regcred
    namespaces: [team-*]
    purge_registries: false
    registries:
      - registry: ghcr.io
        credential_helper: pass

- name: Delete the Secret in all namespaces
  pullpass.registry.pull_secret:
    name: regcred
    state: absent
    namespaces: ['*']
"""

RETURN = r"""
namespaces:
  description: One row for each namespace. O(results) decides which rows are returned.
  returned: when a plan was made
  type: list
  elements: dict
  contains:
    namespace:
      description: Name of the namespace.
      type: str
      returned: always
    action:
      description:
        - C(created), C(updated), C(replaced), C(deleted), C(unchanged), C(skipped) (the namespace is being deleted, or O(owner)
          does not own the Secret to delete), C(orphaned) (the namespace is no longer selected), C(refused) (the Secret must not
          be changed, or cannot be changed), or C(failed).
      type: str
      returned: always
    message:
      description: The reason, or what was changed.
      type: str
      returned: always
  sample: [{"namespace": "team-a", "action": "created", "message": ""}]
summary:
  description: Number of namespaces for each action.
  returned: when a plan was made
  type: dict
  sample:
    created: 2
    updated: 0
    replaced: 0
    deleted: 0
    unchanged: 498
    skipped: 0
    orphaned: 0
    refused: 0
    failed: 0
registries:
  description: Keys of the registries in the document, sorted.
  returned: when a plan was made
  type: list
  elements: str
  sample: ["https://index.docker.io/v1/", "registry.example.com:5000"]
purged:
  description: Keys of the registries that were removed from a Secret or deleted with it, sorted.
  returned: when a plan was made
  type: list
  elements: str
  sample: []
expires:
  description:
    - Time (UTC) when the first of the given credentials expires. Only tokens that contain their expiry time are considered.
    - The annotation C(pullpass.registry/expires) of a Secret records when the first credential in this Secret expires.
  returned: when a plan was made
  type: str
  sample: "2026-11-24T22:00:00Z"
verification:
  description:
    - The answers of the registries. RV(verification.logins) and RV(verification.images) have the same form as in
      M(pullpass.registry.image_access_info). Empty with O(verify=none) or O(state=absent).
  returned: always, unless the registries were not asked
  type: dict
  contains:
    logins:
      description: A row for each credential that was tested with a login.
      type: list
      elements: dict
      returned: when asked
    images:
      description: A row for each of O(images).
      type: list
      elements: dict
      returned: when asked
  sample: {"images": [], "logins": [{"registry": "registry.example.com:5000", "username": "ci-bot", "verdict": "accepted",
           "http_status": 200, "message": "user ci-bot: accepted. registry.example.com:5000 accepts the credential."}]}
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
from dataclasses import replace
from datetime import timedelta

from ..module_utils._cluster.objects import OWNER_LABEL, reserved_marks
from ..module_utils._cluster.validation import check_annotations, check_labels, check_object_name
from ..module_utils._credentials.image_reference import parse_image
from ..module_utils._errors import InputError
from ..module_utils._module.base import PullpassModule, mark_secrets, run
from ..module_utils._module.cluster_options import CLUSTER_OPTIONS, RESULT_OPTIONS, open_cluster
from ..module_utils._module.credential_options import (
    CREDENTIAL_OPTIONS,
    SOURCES,
    announce,
    credentials_option,
    registries_option,
    revisions_option,
)
from ..module_utils._module.registry_options import (
    REGISTRY_OPTIONS,
    UNVERIFIED_OPTION,
    VERIFY_OPTIONS,
    VerifiedCredentials,
    check_verify_options,
    open_registries,
    verified_by_caller,
    verify,
)
from ..module_utils._module.text_options import mapping, text
from ..module_utils._pull_secret.model import DesiredSecret
from ..module_utils._pull_secret.plan import PullSecretPlan
from ..module_utils._pull_secret.run import (
    PullSecretRequest,
    credentials_from_secret,
    distribute,
    secret_warnings,
    secrets_report,
)
from ..module_utils._reconcile.targets import CHANGED_ACTIONS, FAILED_ACTIONS
from ..module_utils._registry.client import Verification, verify_logins
from ..module_utils._registry.image_access import verify_images
from ..module_utils._registry.origin import registry_host
from ..module_utils._registry.verdict import Verdict
from ..module_utils._text import listed

if t.TYPE_CHECKING:
    from ansible.module_utils.basic import AnsibleModule

    from ..module_utils._credentials.credential import Credential

ALL_SOURCES = (*SOURCES, "from_secret")
LONGEST_REFRESH = 366 * 24 * 3600

OPTIONS: dict[str, t.Any] = {
    "name": text(required=True),
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    # where a Secret is, not what is in it
    "from_secret": mapping({"namespace": text(required=True), "name": text(required=True)}, no_log=False),
    "purge_registries": {"type": "bool", "default": True},
    "owner": text(default="default"),
    "adopt": {"type": "bool", "default": False},
    "recreate": {"type": "bool", "default": False},
    "immutable": {"type": "bool"},
    "prune": {"type": "bool", "default": False},
    "prune_links": {"type": "bool", "default": False},
    "refresh_before": {"type": "int"},
    "unverified": UNVERIFIED_OPTION,
    "labels": {"type": "dict", "default": {}},
    "annotations": {"type": "dict", "default": {}},
}


def check_options(params: dict[str, t.Any]) -> None:
    check_object_name("name", params["name"])
    check_verify_options(params)
    check_labels("owner", {OWNER_LABEL: params["owner"]})
    check_labels("labels", params["labels"])
    check_annotations("annotations", params["annotations"])
    if not params["owner"]:
        raise InputError("owner is empty. Give a name for the owner of this Secret, or leave the option out.")
    reserved = reserved_marks(params["labels"], params["annotations"])
    if reserved:
        raise InputError(
            f"{listed(sorted(reserved))} cannot be set by labels or annotations: a tool recognises its own objects by it. The "
            f"option owner sets {OWNER_LABEL}."
        )
    if params["from_secret"] and params["config_registries"] == []:
        raise InputError("config_registries is an empty list. Name the registries to take, or leave the option out for all.")
    if params["prune"] and params["state"] == "absent":
        raise InputError("prune needs state present: it removes the Secret from namespaces that are no longer chosen.")
    sources = any(params[source] is not None for source in SOURCES)
    if params["state"] == "absent" and not params["purge_registries"] and not sources:
        raise InputError("purge_registries is false, so state absent removes only some registries. Name them in registries.")
    if params["refresh_before"] is not None and not 0 <= params["refresh_before"] <= LONGEST_REFRESH:
        raise InputError(f"refresh_before is {params['refresh_before']}. Expected seconds, 0 to {LONGEST_REFRESH} (a year).")


def desired_secret(module: AnsibleModule, credentials: list[Credential]) -> DesiredSecret:
    params = module.params
    present = params["state"] == "present"
    return DesiredSecret(
        name=params["name"],
        owner=params["owner"],
        adopt=params["adopt"],
        credentials=credentials,
        labels=params["labels"],
        annotations=params["annotations"],
        present=present,
        purge=params["purge_registries"],
        registries=[] if present or params["purge_registries"] else registries_option(module),
        immutable=params["immutable"],
        recreate=params["recreate"],
        revisions=revisions_option(module) if present else {},
        refresh_before=None if params["refresh_before"] is None else timedelta(seconds=params["refresh_before"]),
    )


def verified(module: PullpassModule, desired: DesiredSecret) -> tuple[DesiredSecret, VerifiedCredentials]:
    """``desired`` after the check of its credentials, and the result of the check."""
    params = module.params
    if not desired.present:
        return desired, VerifiedCredentials()
    found = verified_by_caller(params, desired.credentials)
    if params["verify"] != "none":
        # the caller did not name the registries that a Secret in the cluster contains
        named = [] if params["from_secret"] else [one.registry for one in desired.credentials]
        registries = open_registries(params, named)
        workers = params["workers"]

        def check() -> Verification:
            if params["verify"] == "login":
                return verify_logins(registries, desired.credentials, workers)
            images = [parse_image(text) for text in dict.fromkeys(params["images"])]
            return verify_images(registries, desired.credentials, images, workers)

        found = verify(module, registries, check)

        def still_accepted(registry: str, username: str, password: str) -> bool:
            return registries.check_login(registry_host(registry), (username, password)).verdict != Verdict.REJECTED

        return replace(desired, still_accepted=still_accepted, undecided=found.undecided(params["verify_undecided"])), found
    return replace(desired, undecided=found.undecided(params["verify_undecided"])), found


def flow(module: PullpassModule) -> dict[str, t.Any]:
    params = module.params
    check_options(params)
    source = params["from_secret"] and (params["from_secret"]["namespace"], params["from_secret"]["name"])
    has_options = params["state"] == "present" and not source
    desired = desired_secret(module, credentials_option(module) if has_options else [])
    api, chosen = open_cluster(module)
    if desired.present and source:
        desired = replace(desired, credentials=credentials_from_secret(api, *source, params["config_registries"]))
    announce(module, desired.credentials)
    desired, verification = verified(module, desired)
    request = PullSecretRequest(PullSecretPlan(desired), params["prune"], params["prune_links"], source)
    mark_secrets(module, request.plan.secrets)
    outcomes = distribute(api, chosen, request, params["workers"], module.check_mode)
    for warning in secret_warnings(desired, outcomes):
        module.warn(warning)
    if any(outcome.change.action in (*CHANGED_ACTIONS, *FAILED_ACTIONS) for outcome in outcomes):
        verification.warn(module)
    return {
        **secrets_report(desired, outcomes, params["results"] == "all", module._diff),
        "verification": verification.rows,
        "cluster": api.identity,
        "api_requests": api.requests,
    }


def main() -> None:
    run(
        flow,
        argument_spec={
            **OPTIONS,
            **CREDENTIAL_OPTIONS,
            **REGISTRY_OPTIONS,
            **VERIFY_OPTIONS,
            **CLUSTER_OPTIONS,
            **RESULT_OPTIONS,
        },
        mutually_exclusive=[ALL_SOURCES, ("config_registries", "registries")],
        required_if=[("state", "present", ALL_SOURCES, True)],
        supports_check_mode=True,
    )


if __name__ == "__main__":
    main()

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
  - The object that the server returns after each write is compared with the plan. Where a mutating admission policy or a webhook
    changed the data, the type or the labels, the action is C(failed) and the message says what was changed.
  - Never returns a password, nor anything that one could be read from.
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
      - O(verify) asks the registries as it always does.
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
    description: Name of the Secret, a text.
    type: raw
    required: true
  state:
    description:
      - With V(present) the Secret holds the given registries; what goes is listed in RV(purged).
      - With V(absent) the Secret is removed, whatever credentials are given, unless O(purge_registries=false).
    type: str
    choices: [present, absent]
    default: present
  from_secret:
    description:
      - A pull secret of the same cluster, whose credentials are taken, as a mapping of C(namespace) and C(name) (texts, both
        required). Its labels and annotations are not copied, and it is never a target itself.
      - A credential helper that its document names is never run; an entry behind one is an error.
      - Name in O(config_registries) the registries to take. Otherwise whoever may write that Secret chooses what is spread.
    type: raw
  purge_registries:
    description:
      - Whether the Secret is to hold the given registries and no other.
      - With V(false) they are merged into it, and every other entry and member of the document stays byte for byte as it was.
        With O(state=absent) only they are taken out, and the Secret goes with its last one. A document that cannot be read is
        refused.
    type: bool
    default: true
  owner:
    description:
      - Value of label C(pullpass.registry/owner), a text, by which the module knows its own Secrets. Several teams can use it
        on one cluster under owners of their own.
    type: raw
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
  recreate:
    description:
      - Whether a Secret of another type, or an immutable one that has to change, may be deleted and created anew. Without it
        such a Secret is C(refused).
      - The new one is tried by a dry run first, and the old one comes back if the server then refuses it all the same.
      - Kubelets go on using what an immutable Secret held until no Pod on their node refers to it. The message names these Pods.
    type: bool
    default: false
  immutable:
    description: Whether the Secret is immutable. By default that is left as it is. It can be set, but unset only by O(recreate).
    type: bool
  prune:
    description:
      - Whether Secrets of this name and O(owner) are removed from namespaces that are no longer chosen.
      - With V(false) they are reported as C(orphaned), where namespaces are chosen by glob or selector.
      - The ServiceAccounts that still name a removed Secret are reported, unless O(prune_links) unlinks them.
    type: bool
    default: false
  prune_links:
    description:
      - With O(prune), whether ServiceAccounts that name the Secret are unlinked before it is removed.
      - Where a list belongs to another tool, or cannot be written, the Secret stays and is C(refused) or C(failed).
      - Needs the rights to list, get and patch ServiceAccounts in these namespaces. Without the right to list them only
        V(default) is unlinked, and the message says so.
    type: bool
    default: false
  refresh_before:
    description:
      - Keep a stored token that says itself that it lives at least this many seconds more, even if a newer one is given, unless
        that is a lasting password or has another C(revision). With O(verify) the registry must still accept it as well.
      - A credential helper that mints a token at each call would otherwise have every run rewrite every namespace.
    type: int
  labels:
    description:
      - Labels to set. Others on the Secret stay.
      - Those by which tools know their own are refused, C(app.kubernetes.io/instance) among them, by which Argo CD prunes.
    type: dict
    default: {}
  annotations:
    description: Annotations to set. Others on the Secret stay. They are readable for more people than the Secret is.
    type: dict
    default: {}
seealso:
  - module: pullpass.registry.pull_secret_link
  - module: pullpass.registry.image_access_info
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

- name: Only after the registry has said that the credential can pull what is needed
  pullpass.registry.pull_secret:
    name: regcred
    namespaces: [team-a, team-b]
    registries: "{{ pullpass_registries }}"
    verify: pull
    images: [registry.example.com:5000/team/app:1.0]

- name: Take over what was made by hand
  pullpass.registry.pull_secret:
    name: regcred
    namespaces: [team-a]
    adopt: true
    registries: "{{ pullpass_registries }}"

- name: Add one registry to what other tasks put there
  pullpass.registry.pull_secret:
    name: regcred
    namespaces: [team-*]
    purge_registries: false
    registries:
      - registry: ghcr.io
        credential_helper: pass

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
        - C(created), C(updated), C(replaced), C(deleted), C(unchanged), C(skipped) (the namespace is being deleted, or the
          Secret is not ours to remove), C(orphaned) (the namespace is no longer chosen), C(refused) (the Secret is not ours to
          change, or cannot be changed), or C(failed).
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
expires:
  description:
    - When the first of the given credentials ends, as far as they say so themselves. In UTC.
    - When the first credential in a Secret ends is noted on it, as annotation C(pullpass.registry/expires).
  returned: always, unless nothing could be planned
  type: str
  sample: "2026-11-24T22:00:00Z"
verification:
  description:
    - What the registries said of the credentials, with RV(verification.logins) and RV(verification.images) as
      M(pullpass.registry.image_access_info) returns them. Empty where O(verify=none), or with O(state=absent).
  returned: always, unless the registries were not asked
  type: dict
  contains:
    logins:
      description: A row for each credential that no image was asked for with.
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
from dataclasses import replace
from datetime import timedelta

from ..module_utils._cluster.ownership import OWNER_LABEL, reserved_marks
from ..module_utils._cluster.validation import check_annotations, check_labels, check_object_name
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
    Verified,
    accepted,
    check_verify_options,
    doubts_option,
    open_registries,
    verify,
    warn_of_doubts,
)
from ..module_utils._module.text_options import mapping, text
from ..module_utils._pull_secret.model import WantedSecret, credentials_from_secret
from ..module_utils._pull_secret.run import FleetSecret
from ..module_utils._reconcile.change import CHANGED, FAILED
from ..module_utils._reconcile.report import diffs, told, warnings
from ..module_utils._registry.origin import registry_host
from ..module_utils._registry.verdict import REJECTED
from ..module_utils._text import listed

if t.TYPE_CHECKING:
    from ansible.module_utils.basic import AnsibleModule

    from ..module_utils._credentials.credential import Credential

ACTIONS = ("created", "updated", "replaced", "deleted", "unchanged", "skipped", "orphaned", "refused", "failed")
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
        raise InputError("owner is empty. Give a name for whoever looks after this Secret, or leave the option out.")
    reserved = reserved_marks(params["labels"], params["annotations"])
    if reserved:
        raise InputError(
            f"{listed(sorted(reserved))} may not be set by labels or annotations: by it a tool knows what is its own. The option "
            f"owner sets {OWNER_LABEL}."
        )
    if params["from_secret"] and params["config_registries"] == []:
        raise InputError("config_registries is an empty list. Name the registries to take, or leave the option out for all.")
    if params["prune"] and params["state"] == "absent":
        raise InputError("prune goes with state present: it removes the Secret where it is no longer wanted.")
    sources = any(params[source] is not None for source in SOURCES)
    if params["state"] == "absent" and not params["purge_registries"] and not sources:
        raise InputError("purge_registries is false, so that only some registries are to go. Name them in registries.")
    if params["refresh_before"] is not None and not 0 <= params["refresh_before"] <= LONGEST_REFRESH:
        raise InputError(f"refresh_before is {params['refresh_before']}. Expected seconds, 0 to {LONGEST_REFRESH} (a year).")


def wanted_secret(module: AnsibleModule, credentials: list[Credential]) -> WantedSecret:
    params = module.params
    present = params["state"] == "present"
    return WantedSecret(
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


def verified(module: PullpassModule, wanted: WantedSecret) -> tuple[WantedSecret, Verified]:
    """``wanted``, once the registries have been asked, and what they said."""
    params = module.params
    if not wanted.present:
        return wanted, Verified()
    found = accepted(Verified(doubts=doubts_option(params["unverified"], wanted.credentials)), params["verify_undecided"])
    if params["verify"] != "none":
        # what a Secret in the cluster names is not what the caller named
        named = [] if params["from_secret"] else [one.registry for one in wanted.credentials]
        registries = open_registries(params, named)
        found = verify(module, registries, wanted.credentials, params["workers"])

        def still_accepted(registry: str, username: str, password: str) -> bool:
            return registries.check_login(registry_host(registry), (username, password)).verdict != REJECTED

        wanted = replace(wanted, still_accepted=still_accepted)
    return replace(wanted, undecided=found.undecided(params["verify_undecided"])), found


def flow(module: PullpassModule) -> dict[str, t.Any]:
    params = module.params
    check_options(params)
    source = params["from_secret"]
    wants_options = params["state"] == "present" and not source
    wanted = wanted_secret(module, credentials_option(module) if wants_options else [])
    api, chosen = open_cluster(module)
    if wanted.present and source:
        wanted = replace(
            wanted, credentials=credentials_from_secret(api, source["namespace"], source["name"], params["config_registries"])
        )
    announce(module, wanted.credentials)
    wanted, verification = verified(module, wanted)
    fleet = FleetSecret(api, wanted, chosen, params["workers"], module.check_mode)
    mark_secrets(module, fleet.secrets)
    outcomes = fleet.settle(params["prune"], source, params["prune_links"])
    answer = told(outcomes, ACTIONS, "namespaces", lambda one: {"namespace": one.namespace}, params["results"] == "all")
    for warning in warnings(outcomes):
        module.warn(f"Secret {wanted.name} {warning}")
    if any(outcome.step.action in (*CHANGED, *FAILED) for outcome in outcomes):
        warn_of_doubts(module, verification.doubts)
    if module._diff:
        answer["diff"] = diffs(outcomes, "Secret")
    return {
        **answer,
        "registries": [credential.registry for credential in wanted.credentials],
        "purged": sorted({key for outcome in outcomes for key in outcome.step.purged}),
        "expires": fleet.expires,
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

#!/usr/bin/python
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

DOCUMENTATION = r"""
module: pull_secret_info
short_description: Report image pull secrets, what the kubelet can use of them, and problems
version_added: 0.1.0
description:
  - Reads the pull secrets, ServiceAccounts and stuck Pods in any number of namespaces of one cluster, with a few list requests.
    Changes nothing.
  - For each Secret, reports which entries the kubelet can use, which it cannot use, and why. For each image, reports the
    credentials that a Pod would try, in order. For each Pod that is stuck on an image pull, reports the cause.
  - Never returns a password, or a value from which a password can be derived. A user name that can be a token is returned as
    C((hidden)).
author:
  - pullpass.registry maintainers (@pullpass)
extends_documentation_fragment:
  - pullpass.registry._attributes
  - pullpass.registry._attributes.cluster
  - pullpass.registry._cluster
  - pullpass.registry._namespaces
attributes:
  check_mode:
    support: full
    details:
      - Does the same, but does not write O(output_file).
  diff_mode:
    support: none
  idempotent:
    support: full
options:
  names:
    description:
      - Names of Secrets of any type, a list of strings. By default all Secrets that have the type of a pull secret.
      - A Secret that a ServiceAccount refers to is always reported if it does not exist or has another type.
    type: raw
  images:
    description:
      - Images, a list of strings. For each image, namespace and ServiceAccount, the module reports the credentials that a Pod
        would try.
      - The credentials of a node (its files and credential providers) are not known. The kubelet tries them after the Secrets.
    type: raw
  service_accounts:
    description:
      - Names or globs of the ServiceAccounts to report, and to look up O(images) for, a list of strings.
      - By default V(default) and all ServiceAccounts that refer to a pull secret. Images are then looked up only for
        V(default).
    type: raw
  check_pods:
    description: Whether to look for Pods that are stuck on an image pull. Init and ephemeral containers are included.
    type: bool
    default: true
  output_file:
    description:
      - Path of a JSON file for the complete result, on the machine that runs the task. Its mode is 0600.
      - RV(namespaces) is then not returned, because for thousands of namespaces it is too large for the result of a task.
      - If root runs the task and another account owns a folder or a link in the path, the file is written with the rights of
        that account and belongs to it.
    type: path
seealso:
  - module: pullpass.registry.pull_secret
  - module: pullpass.registry.pull_secret_link
"""

EXAMPLES = r"""
- name: Report all pull secrets and their problems
  pullpass.registry.pull_secret_info:
    context: production
    namespaces: ['*']
  register: audit

- name: Show the Pods that cannot pull, and why
  ansible.builtin.debug:
    msg: "{{ item.0.namespace }}/{{ item.1.pod }}: {{ item.1.cause }}"
  loop: "{{ audit.namespaces | subelements('stuck_pods') }}"
  loop_control:
    label: "{{ item.1.pod }}"

- name: Report which credentials would be tried for an image
  pullpass.registry.pull_secret_info:
    namespaces: [team-a]
    images: [registry.example.com/team/app:1.0]
    service_accounts: [default, builder]
    check_pods: false

- name: Write the report on a large cluster to a file
  pullpass.registry.pull_secret_info:
    namespaces: ['*']
    names: [regcred]
    output_file: /var/tmp/audit.json
"""

RETURN = r"""
namespaces:
  description: The findings in each selected namespace.
  returned: unless O(output_file) is given
  type: list
  elements: dict
  contains:
    namespace:
      description: Name of the namespace.
      type: str
      returned: always
    problems:
      description:
        - What could not be read in the namespace, and why. An entry that starts with C(note:) is for information only.
        - ServiceAccounts that refer to a missing Secret, if it is one of O(names) or if this collection manages a Secret of
          that name in another selected namespace.
      type: list
      elements: str
      returned: always
    secrets:
      description: The Secrets, sorted by name.
      type: list
      elements: dict
      returned: always
      contains:
        name:
          description: Name of the Secret.
          type: str
          returned: always
        exists:
          description: Whether the Secret exists, or C(null) without the permission to read it.
          type: bool
          returned: always
        type:
          description: Type of the Secret. C(null) if it is not the type of a pull secret and the module did not read it.
          type: str
          returned: always
        managed:
          description: Whether M(pullpass.registry.pull_secret) manages the Secret.
          type: bool
          returned: always
        owner:
          description: The O(pullpass.registry.pull_secret#module:owner) of the Secret.
          type: str
          returned: always
        revision:
          description: The revisions in the annotation of the Secret.
          type: str
          returned: always
        immutable:
          description: Whether the Secret is immutable.
          type: bool
          returned: always
        expires:
          description: Time (UTC) when the first of its credentials expires, from the credentials or from the annotation of the
            Secret.
          type: str
          returned: always
        usable:
          description: Whether the kubelet can read the Secret and gets a credential from it.
          type: bool
          returned: always
        problems:
          description: Why the kubelet cannot use the Secret or an entry of it, and what to do. An entry that starts with
            C(note:) is for information only.
          type: list
          elements: str
          returned: always
        registries:
          description: The first 1000 entries of the document, in their order.
          type: list
          elements: dict
          returned: always
          contains:
            registry:
              description: Key of the entry, as it is in the document.
              type: str
              returned: always
            username:
              description: User name, or C((hidden)).
              type: str
              returned: always
            usable:
              description: Whether the kubelet gets a user name and a password from the entry.
              type: bool
              returned: always
            problem:
              description: Problem of the entry for the kubelet, docker or podman.
              type: str
              returned: always
    service_accounts:
      description: The ServiceAccounts, sorted by name.
      type: list
      elements: dict
      returned: always
      contains:
        name:
          description: Name of the ServiceAccount.
          type: str
          returned: always
        image_pull_secrets:
          description: The pull secrets that it refers to, in order.
          type: list
          elements: str
          returned: always
        missing:
          description: The pull secrets that it refers to and that do not exist. This includes names that no Secret can have.
          type: list
          elements: str
          returned: always
    images:
      description: A row for each of O(images) and each ServiceAccount.
      type: list
      elements: dict
      returned: always
      contains:
        image:
          description: The image.
          type: str
          returned: always
        service_account:
          description: ServiceAccount of the Pods.
          type: str
          returned: always
        matches:
          description: The credentials that the kubelet tries, in order. If the list is empty, it pulls without a credential.
          type: list
          elements: dict
          returned: always
          contains:
            secret:
              description: Name of the Secret.
              type: str
              returned: always
            registry:
              description: Key of the entry in the Secret.
              type: str
              returned: always
            username:
              description: User name, or C((hidden)).
              type: str
              returned: always
        problem:
          description: The Secret that makes all pulls fail, or what is not known. A text that starts with C(note:) is for
            information only.
          type: str
          returned: always
    stuck_pods:
      description: Containers that are stuck on an image pull, sorted by Pod.
      type: list
      elements: dict
      returned: always
      contains:
        pod:
          description: Name of the Pod.
          type: str
          returned: always
        container:
          description: Name of the container.
          type: str
          returned: always
        image:
          description: Image of the container.
          type: str
          returned: always
        reason:
          description: Reason that the kubelet reports.
          type: str
          returned: always
        cause:
          description: The cause, and what to do.
          type: str
          returned: always
  sample:
    - namespace: team-a
      problems: []
      secrets:
        - name: regcred
          exists: true
          type: kubernetes.io/dockerconfigjson
          managed: true
          owner: default
          revision: null
          immutable: false
          expires: null
          usable: true
          problems: []
          registries:
            - registry: registry.example.com:5000
              username: ci-bot
              usable: true
              problem: null
      service_accounts: [{"name": "default", "image_pull_secrets": ["regcred"], "missing": []}]
      images: []
      stuck_pods: []
summary:
  description:
    - Number of objects of each kind. C(unusable), C(missing) and C(with_problems) count Secrets. C(stuck_pods) counts Pods.
  returned: when the cluster was read
  type: dict
  sample:
    namespaces: 1
    secrets: 1
    unusable: 0
    missing: 0
    with_problems: 0
    service_accounts: 1
    stuck_pods: 0
output_file:
  description: Path of the file with the complete result.
  returned: when O(output_file) is given
  type: str
  sample: /var/tmp/audit.json
cluster:
  description: The API server and the kubeconfig context that the task used.
  returned: when the cluster was read
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
  returned: when the cluster was read
  type: int
  sample: 5
"""

import json
import os
import tempfile
import typing as t
from datetime import datetime, timezone

from ..module_utils._audit.model import AuditQuery
from ..module_utils._audit.run import audit
from ..module_utils._cluster.namespaces import is_glob
from ..module_utils._cluster.validation import check_object_name
from ..module_utils._credentials.image_reference import parse_image
from ..module_utils._errors import InputError
from ..module_utils._host.atomic_file import written_as_owner
from ..module_utils._module.base import PullpassModule, run
from ..module_utils._module.cluster_options import CLUSTER_OPTIONS, open_cluster
from ..module_utils._module.text_options import texts
from ..module_utils._text import shown_path

OPTIONS: dict[str, t.Any] = {
    "names": texts(),
    "images": texts(),
    "service_accounts": texts(),
    "check_pods": {"type": "bool", "default": True},
    "output_file": {"type": "path"},
}


def check_options(params: dict[str, t.Any]) -> None:
    for option in ("names", "service_accounts"):
        if params[option] == []:
            raise InputError(f"{option} is an empty list. Give at least one name, or leave the option out.")
        for name in params[option] or ():
            if option == "names" or not is_glob(name):
                check_object_name(option, name)
    for image in params["images"] or ():
        parse_image(image)
    path = params["output_file"]
    if path is not None and os.path.isdir(path):
        raise InputError(f"output_file {shown_path(path)} is a folder. Give the path of a file in it.")
    if path is not None and not os.path.isdir(os.path.dirname(os.path.abspath(path))):
        raise InputError(f"output_file {shown_path(path)}: its folder does not exist. Create it, or give another path.")


def write_answer(module: PullpassModule, path: str, answer: dict[str, t.Any]) -> None:
    """Whole or not at all, and for nobody else to read at any moment."""
    text = json.dumps(answer, ensure_ascii=False, indent=1) + "\n"
    if written_as_owner("output_file", path, text):
        return
    handle, temporary = tempfile.mkstemp(dir=module.tmpdir)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(text)
    # a new file gets the mode that the umask leaves, however private the temporary one was
    mask = os.umask(0o077)
    try:
        module.atomic_move(temporary, path, keep_dest_attrs=False)
    finally:
        os.umask(mask)


def flow(module: PullpassModule) -> dict[str, t.Any]:
    params = module.params
    check_options(params)
    api, chosen = open_cluster(module)
    query = AuditQuery(
        names=None if params["names"] is None else list(dict.fromkeys(params["names"])),
        accounts=params["service_accounts"],
        images=list(dict.fromkeys(params["images"] or ())),
        check_pods=params["check_pods"],
        now=datetime.now(timezone.utc),
    )
    answer = audit(api, chosen, query, params["workers"], module.check_mode)
    answer.update(cluster=api.identity, api_requests=api.requests)
    path = params["output_file"]
    if path is not None:
        if not module.check_mode:
            write_answer(module, path, answer)
        answer.pop("namespaces")
        answer["output_file"] = path
    return answer


def main() -> None:
    run(flow, argument_spec={**OPTIONS, **CLUSTER_OPTIONS}, supports_check_mode=True)


if __name__ == "__main__":
    main()

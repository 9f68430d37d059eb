#!/usr/bin/python
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

DOCUMENTATION = r"""
module: pull_secret_info
short_description: Tell what image pull secrets there are, what the kubelet makes of them, and what is wrong
version_added: 0.1.0
description:
  - Looks at the pull secrets, ServiceAccounts and stuck Pods in any number of namespaces of a cluster, with a handful of list
    requests, and changes nothing.
  - Tells for each Secret what the kubelet can use of it and what not, and why; for each image which credential of which Secret
    would be tried, in order; and for each Pod that is stuck on a pull the cause in words.
  - A name in C(imagePullSecrets) that no Secret can have, such as C(../other/secrets/x), is reported as missing. It is never sent
    to the server.
  - Never returns a password, nor anything that one could be read from. A user name that is itself a token, or
    may be one, is C((hidden)).
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
      - Does the same, but leaves O(output_file) as it is.
  diff_mode:
    support: none
  idempotent:
    support: full
options:
  names:
    description:
      - Names of Secrets of any type, a list of texts. By default every Secret of a pull secret's type is reported.
      - What a ServiceAccount names in vain, for being missing or of another type, is told of in any case.
    type: raw
  images:
    description:
      - Images (a list of texts) for which to tell, in every namespace, which credentials a Pod of the ServiceAccount would try.
      - What a node itself has, files or credential providers, is not known here. The kubelet tries that after the Secrets.
    type: raw
  service_accounts:
    description:
      - Names or globs (a list of texts) of ServiceAccounts to report, whose Pods pull the O(images).
      - By default all that name a pull secret, and C(default); images are looked up for C(default) only.
    type: raw
  check_pods:
    description: Whether to look for Pods that are stuck on a pull, init and ephemeral containers included.
    type: bool
    default: true
  output_file:
    description:
      - Path of a file on the machine where the task runs, which gets the whole answer as JSON, with mode 0600.
      - RV(namespaces) is then left out of the result, which for thousands of namespaces is too large for a task.
      - Not written in check mode.
      - Where the task runs as root and another account owns a folder or a link on the way, the file is written with the rights of
        that account and belongs to it.
    type: path
seealso:
  - module: pullpass.registry.pull_secret
  - module: pullpass.registry.pull_secret_link
"""

EXAMPLES = r"""
- name: What is there, and what is wrong with it
  pullpass.registry.pull_secret_info:
    context: production
    namespaces: ['*']
  register: audit

- name: Name the Pods that cannot pull, and why
  ansible.builtin.debug:
    msg: "{{ item.0.namespace }}/{{ item.1.pod }}: {{ item.1.cause }}"
  loop: "{{ audit.namespaces | subelements('stuck_pods') }}"
  loop_control:
    label: "{{ item.1.pod }}"

- name: Which credential would be tried for an image
  pullpass.registry.pull_secret_info:
    namespaces: [team-a]
    images: [registry.example.com/team/app:1.0]
    service_accounts: [default, builder]
    check_pods: false

- name: A large fleet, into a file
  pullpass.registry.pull_secret_info:
    namespaces: ['*']
    names: [regcred]
    output_file: /var/tmp/audit.json
"""

RETURN = r"""
namespaces:
  description: What was found in each chosen namespace.
  returned: unless O(output_file) is given
  type: list
  elements: dict
  contains:
    namespace:
      description: Its name.
      type: str
      returned: always
    problems:
      description:
        - What could not be looked at in it, and why. What begins with C(note:) is only to be known.
        - ServiceAccounts that name a Secret that does not exist, if it is one of O(names) or is managed by this collection in
          another of the namespaces.
      type: list
      elements: str
      returned: always
    secrets:
      description: Its Secrets, sorted by name.
      type: list
      elements: dict
      returned: always
      contains:
        name:
          description: Its name.
          type: str
          returned: always
        exists:
          description: Whether it is there; none where it may not be read.
          type: bool
          returned: always
        type:
          description: Its type; none where no more is known than that it is no pull secret's.
          type: str
          returned: always
        managed:
          description: Whether M(pullpass.registry.pull_secret) looks after it.
          type: bool
          returned: always
        owner:
          description: The O(pullpass.registry.pull_secret#module:owner) that it has there.
          type: str
          returned: always
        revision:
          description: The revisions that are noted on it.
          type: str
          returned: always
        immutable:
          description: Whether it is immutable.
          type: bool
          returned: always
        expires:
          description: When the first of its credentials ends, as far as they or a note of ours say so. In UTC.
          type: str
          returned: always
        usable:
          description: Whether the kubelet can read it and gets a credential out of it.
          type: bool
          returned: always
        problems:
          description: What is wrong with it for the kubelet and what to do. What begins with C(note:) is only to be known.
          type: list
          elements: str
          returned: always
        registries:
          description: The entries of its document, in their order, the first 1000 of them.
          type: list
          elements: dict
          returned: always
          contains:
            registry:
              description: Its key, as it is written there.
              type: str
              returned: always
            username:
              description: Its user name, or C((hidden)).
              type: str
              returned: always
            usable:
              description: Whether the kubelet gets a user name and a password out of it.
              type: bool
              returned: always
            problem:
              description: What is wrong with it, for the kubelet or for docker or podman.
              type: str
              returned: always
    service_accounts:
      description: Its ServiceAccounts, sorted by name.
      type: list
      elements: dict
      returned: always
      contains:
        name:
          description: Its name.
          type: str
          returned: always
        image_pull_secrets:
          description: The pull secrets that it names, in order.
          type: list
          elements: str
          returned: always
        missing:
          description: Those of them that do not exist.
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
          description: The ServiceAccount whose Pods pull it.
          type: str
          returned: always
        matches:
          description: The credentials that are tried, first to last. None means one pull without a credential.
          type: list
          elements: dict
          returned: always
          contains:
            secret:
              description: Name of the Secret.
              type: str
              returned: always
            registry:
              description: Key of the entry in it.
              type: str
              returned: always
            username:
              description: Its user name, or C((hidden)).
              type: str
              returned: always
        problem:
          description: Which Secret breaks all pulls, or what is not known. What begins with C(note:) is only to be known.
          type: str
          returned: always
    stuck_pods:
      description: Containers that are stuck on a pull, sorted by Pod.
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
          description: Its image.
          type: str
          returned: always
        reason:
          description: What the kubelet gives as reason.
          type: str
          returned: always
        cause:
          description: Why, and what to do.
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
    - How many there are of each. C(unusable), C(missing) and C(with_problems) count Secrets, C(stuck_pods) Pods.
  returned: always, unless nothing could be looked at
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
  description: Path of the file that holds the answer.
  returned: when O(output_file) is given
  type: str
  sample: /var/tmp/audit.json
cluster:
  description: The API server that was used, and the context of the kubeconfig that named it.
  returned: always, unless nothing could be looked at
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
  returned: always, unless nothing could be looked at
  type: int
  sample: 5
"""

import json
import os
import tempfile
import typing as t
from datetime import datetime, timezone

from ..module_utils._audit.run import audit
from ..module_utils._cluster.namespaces import is_glob
from ..module_utils._cluster.validation import check_object_name
from ..module_utils._credentials.image_reference import parse_image
from ..module_utils._diagnosis.namespace_rows import Question
from ..module_utils._errors import InputError
from ..module_utils._host.output_file import written_as_owner
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
    if path is not None:
        folder = os.path.dirname(os.path.abspath(path))
        if os.path.isdir(path) or not os.path.isdir(folder):
            raise InputError(
                f"output_file {shown_path(path)} is a folder, or the folder that it names does not exist. Give the path of a "
                "file in a folder that exists."
            )


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
    question = Question(
        names=None if params["names"] is None else list(dict.fromkeys(params["names"])),
        accounts=params["service_accounts"],
        images=list(dict.fromkeys(params["images"] or ())),
        check_pods=params["check_pods"],
        now=datetime.now(timezone.utc),
    )
    answer = audit(api, chosen, question, params["workers"], module.check_mode)
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

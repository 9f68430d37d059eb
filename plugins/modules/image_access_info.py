#!/usr/bin/python
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

DOCUMENTATION = r"""
module: image_access_info
short_description: Ask registries whether credentials can pull images
version_added: 0.1.0
description:
  - Asks the registries, without pulling, whether images can be pulled with the given credentials, or with the credentials of a
    Pod in a cluster. If no images are given, each credential is tested with a login.
  - For each image, tries the same credentials as the kubelet, in the same order, and reports each attempt. A rejected
    credential is sent only once, because registries lock accounts after failed logins.
  - Does not see the credentials of a node (its files and credential providers).
  - Changes nothing. A verdict never fails the task. Never returns a password. A user name that can be a token is returned as
    C((hidden)).
author:
  - pullpass.registry maintainers (@pullpass)
extends_documentation_fragment:
  - pullpass.registry._attributes
  - pullpass.registry._attributes.cluster
  - pullpass.registry._cluster
  - pullpass.registry._credentials
  - pullpass.registry._registries
attributes:
  check_mode:
    support: full
  diff_mode:
    support: none
  idempotent:
    support: full
options:
  images:
    description:
      - Images as in a Pod, a list of strings. The module requests only the manifest. Docker Hub does not count this as a pull.
      - An image name decides which registry receives the credentials, so do not take image names from untrusted input.
    type: raw
    default: []
  registry_timeout:
    description: Seconds for each complete request to a registry.
    type: float
    default: 20
    aliases: [timeout]
  namespace:
    description:
      - Use the credentials that a Pod in this namespace of the cluster has (string). Requires O(images).
      - Replaces the other sources of credentials.
    type: raw
  service_account:
    description: Use the pull secrets that a new Pod of this ServiceAccount gets (string). Default is V(default).
    type: raw
  pod:
    description: Use the pull secrets of this existing Pod (string).
    type: raw
  secrets:
    description: Names of Secrets, a list of strings. Use the credentials of a Pod with these C(imagePullSecrets).
    type: raw
  workers:
    description: Number of images to check in parallel, 1 to 64.
    type: int
    default: 16
seealso:
  - module: pullpass.registry.pull_canary
  - module: pullpass.registry.pull_secret_info
"""

EXAMPLES = r"""
- name: Check a credential
  pullpass.registry.image_access_info:
    registries:
      - registry: registry.example.com:5000
        username: ci-bot
        password: "{{ vault_registry_password }}"

- name: Check whether a Pod of this namespace can pull these images
  pullpass.registry.image_access_info:
    context: production
    namespace: team-a
    service_account: builder
    images:
      - registry.example.com:5000/team/app:1.0
      - ghcr.io/example/tool@sha256:2f3d9d1d8a1f6a0a5d5d0c8c7b6a5f4e3d2c1b0a9f8e7d6c5b4a39281706f5e4
  register: access

- name: Stop if an image cannot be pulled
  ansible.builtin.assert:
    that: access.pullable
    fail_msg: "{{ access.msg }}"

- name: Check at a private endpoint with a separate token server
  pullpass.registry.image_access_info:
    images: [registry.example.com/team/app:1.0]
    registries:
      - registry: registry.example.com
        endpoint: 10.0.0.5:5000
        ca_cert: /etc/ssl/internal-ca.pem
        username: ci-bot
        password: "{{ vault_registry_password }}"
    realms: [auth.example.com]
"""

RETURN = r"""
pullable:
  description: Whether all images can be pulled and all logins are accepted.
  returned: success
  type: bool
images:
  description: The result for each image, in the given order.
  returned: success
  type: list
  elements: dict
  contains:
    image:
      description: The image, including its registry.
      type: str
      returned: always
    registry:
      description: Registry of the image.
      type: str
      returned: always
    repository:
      description: Repository of the image.
      type: str
      returned: always
    reference:
      description: Digest or tag of the image.
      type: str
      returned: always
    verdict:
      description:
        - C(pullable), C(anonymous) (no credential is needed), C(rejected) (the credential is wrong or has expired), C(denied)
          (the credential has no access to this repository), C(not_found), C(no_credentials) (the registry requires a
          credential, and none matches), C(rate_limited), C(unreachable), or C(unverifiable) (the registry gives no clear
          answer).
        - If several credentials were tried and none can pull, an unclear result takes precedence over a refusal.
      type: str
      returned: always
    digest:
      description: Digest of the manifest, or C(null).
      type: str
      returned: always
    can_push:
      description: Whether the credential can also push to the repository, or C(null) if the registry does not report it. A pull
        secret should not be able to push.
      type: bool
      returned: always
    message:
      description: The finding, and what to do.
      type: str
      returned: always
    attempts:
      description:
        - The credentials that were tried, in the order of the kubelet, up to the first that can pull.
        - At most 16 credentials are tried for an image. After ten times O(registry_timeout) no other credential is tried.
      type: list
      elements: dict
      returned: always
      contains:
        registry:
          description: Key of the entry in the document.
          type: str
          returned: always
        secret:
          description: Name of the Secret that contains the entry, or C(null).
          type: str
          returned: always
        username:
          description: User name, or C((hidden)).
          type: str
          returned: always
        verdict:
          description: Verdict for this credential, as for the image.
          type: str
          returned: always
        http_status:
          description: HTTP status of the decisive response, or C(null).
          type: int
          returned: always
    untried:
      description: Number of matching credentials that were not tried, if none of the tried ones can pull.
      type: int
      returned: always
logins:
  description: The result for each credential that was tested with a login, in the order of O(registries), else sorted.
  returned: success
  type: list
  elements: dict
  contains:
    registry:
      description: Key of the registry in a document.
      type: str
      returned: always
    username:
      description: User name, or C((hidden)).
      type: str
      returned: always
    verdict:
      description: C(accepted), C(rejected), C(rate_limited), C(unreachable) or C(unverifiable).
      type: str
      returned: always
    http_status:
      description: HTTP status of the decisive response, or C(null).
      type: int
      returned: always
    message:
      description: The finding, and what to do.
      type: str
      returned: always
cluster:
  description: The API server and the kubeconfig context that the task used.
  returned: when credentials are read from a cluster
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
  returned: when credentials are read from a cluster
  type: int
  sample: 2
"""

import contextlib
import typing as t

from ..module_utils._cluster.validation import check_object_name
from ..module_utils._credentials.image_reference import parse_image
from ..module_utils._credentials.keyring import Keyring, UnreadableSecrets
from ..module_utils._credentials.redact import remember_secrets
from ..module_utils._diagnosis.pod_secrets import PodSecrets, secrets_named, secrets_of_account, secrets_of_pod
from ..module_utils._errors import InputError
from ..module_utils._module.base import PullpassModule, mark_secrets, run
from ..module_utils._module.cluster_options import CONNECTION_OPTIONS, check_workers, open_api
from ..module_utils._module.credential_options import CREDENTIAL_OPTIONS, SOURCES, announce, credentials_as_given
from ..module_utils._module.registry_options import REGISTRY_OPTIONS, open_registries, tls_warnings
from ..module_utils._module.text_options import text, texts
from ..module_utils._registry.image_access import ImageVerification, check_images, verify_images
from ..module_utils._text import counted, in_words, listed

if t.TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ..module_utils._cluster.api import Api
    from ..module_utils._credentials.image_reference import ImageReference
    from ..module_utils._registry.client import Registries

POD_OPTIONS = ("service_account", "pod", "secrets")
OPTIONS: dict[str, t.Any] = {
    "images": texts(default=[]),
    "namespace": text(),
    "service_account": text(),
    "pod": text(),
    # names, not their content
    "secrets": texts(no_log=False),
    "workers": {"type": "int", "default": 16},
}
TIMEOUT = {"registry_timeout": {**REGISTRY_OPTIONS["registry_timeout"], "aliases": ["timeout"]}}


def check_options(params: dict[str, t.Any]) -> None:
    check_workers(params["workers"])
    if not params["namespace"]:
        return
    if not params["images"]:
        raise InputError("images is empty, and namespace is given. Name the images that the credentials of a Pod are tried for.")
    check_object_name("namespace", params["namespace"], "namespaces")
    for option in POD_OPTIONS:
        names = params[option] if option == "secrets" else [params[option]]
        for name in names or ():
            if name is not None:
                check_object_name(option, name)


def secrets_in_cluster(module: PullpassModule, api: Api) -> PodSecrets:
    params = module.params
    namespace, workers = params["namespace"], params["workers"]
    if params["pod"]:
        return secrets_of_pod(api, namespace, params["pod"], workers)
    if params["secrets"] is not None:
        return secrets_named(api, namespace, list(dict.fromkeys(params["secrets"])), workers)
    return secrets_of_account(api, namespace, params["service_account"] or "default", workers)


def opened_registries(module: PullpassModule, named: Sequence[str]) -> Registries:
    registries = open_registries(module.params, named)
    for warning in tls_warnings(registries):
        module.warn(warning)
    return registries


def passwords_for(keyring: Keyring, images: list[ImageReference]) -> Iterator[str]:
    for image in images:
        # the kubelet uses no credential of an unreadable Secret, and neither does this module
        with contextlib.suppress(UnreadableSecrets):
            yield from (match.password for match in keyring.lookup(image))


def verify_as_pod(module: PullpassModule, images: list[ImageReference]) -> tuple[ImageVerification, dict[str, t.Any]]:
    """With the Secrets that a Pod in the cluster would have, and the results that describe the cluster."""
    api = open_api(module)
    found = secrets_in_cluster(module, api)
    if found.missing:
        module.warn(f"the kubelet ignores {listed(found.missing)}: no such Secret in namespace {module.params['namespace']}.")
    keyring = found.keyring
    # the registries in the Secrets of tenants are not named by the caller
    registries = opened_registries(module, ())
    # before any request, since a registry may repeat them
    remember_secrets(passwords_for(keyring, images))
    accesses = check_images(registries, keyring, images, module.params["workers"])
    mark_secrets(module, (attempt.match.password for access in accesses for attempt in access.attempts))
    return ImageVerification(images=accesses), {"cluster": api.identity, "api_requests": api.requests}


def verify_given(module: PullpassModule, images: list[ImageReference]) -> ImageVerification:
    credentials = credentials_as_given(module)
    announce(module, credentials)
    registries = opened_registries(module, [one.registry for one in credentials])
    return verify_images(registries, credentials, images, module.params["workers"])


def summary_of(verification: ImageVerification) -> str:
    """The numbers of good images and logins, and the first ten reasons of the others."""
    images, accepted = verification.images, verification.accepted
    parts = []
    if images:
        parts.append(f"{sum(one.pullable for one in images)} of {counted(len(images), 'image')} can be pulled")
    if accepted:
        parts.append(f"{sum(accepted)} of {counted(len(accepted), 'login is', 'logins are')} accepted")
    reasons = [*verification.obstacles(), *(doubt.message for doubt in verification.doubts())]
    return f"{', '.join(parts)}. {in_words(reasons)}".rstrip()


def flow(module: PullpassModule) -> dict[str, t.Any]:
    check_options(module.params)
    images = [parse_image(name) for name in dict.fromkeys(module.params["images"])]
    about_cluster: dict[str, t.Any] = {}
    if module.params["namespace"]:
        verification, about_cluster = verify_as_pod(module, images)
    else:
        verification = verify_given(module, images)
    for warning in verification.push_warnings():
        module.warn(warning)
    message = summary_of(verification)
    if about_cluster:
        message += " Credentials of a node itself (files, credential providers) are not included."
    pullable = all(verification.accepted) and all(access.pullable for access in verification.images)
    return {"changed": False, "msg": message, "pullable": pullable, **verification.rows(), **about_cluster}


def main() -> None:
    run(
        flow,
        argument_spec={**OPTIONS, **CREDENTIAL_OPTIONS, **CONNECTION_OPTIONS, **REGISTRY_OPTIONS, **TIMEOUT},
        mutually_exclusive=[
            (*SOURCES, "namespace"),
            ("config_registries", "registries"),
            ("config_registries", "namespace"),
            POD_OPTIONS,
        ],
        required_one_of=[(*SOURCES, "namespace")],
        required_by={option: "namespace" for option in POD_OPTIONS},
        supports_check_mode=True,
    )


if __name__ == "__main__":
    main()

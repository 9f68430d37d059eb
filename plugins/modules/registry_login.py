#!/usr/bin/python
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

DOCUMENTATION = r"""
module: registry_login
short_description: Log docker, podman, skopeo and buildah in to registries
version_added: 0.1.0
description:
  - Stores logins for registries in the same place as C(docker login) or C(podman login), and removes them. Requires only
    Python, neither docker nor podman nor a daemon.
  - Asks the registries first, also about logins that are already stored, so that a revoked login is found.
  - Changes only the given logins. Other logins, unknown members, order, indentation, owner and links of the file stay. The file
    is replaced as a whole, by one task at a time. A damaged file is an error and is not changed.
  - Never returns a password, or a value from which a password can be derived.
author:
  - pullpass.registry maintainers (@pullpass)
extends_documentation_fragment:
  - pullpass.registry._attributes
  - pullpass.registry._credentials
  - pullpass.registry._registries
  - pullpass.registry._registries.unverified
attributes:
  check_mode:
    support: full
    details:
      - Asks the registries, and reads from the credential helpers. Writes nothing.
  diff_mode:
    support: full
    details:
      - Shows user names. Markers replace passwords.
  idempotent:
    support: full
options:
  state:
    description:
      - V(present) stores the logins.
      - V(absent) removes them from the file and from the credential helper that stores them. An entry of O(registries) then
        only requires C(registry). With C(username), only the login of that user is removed. A helper does not record who owns
        an identity token, so it is removed only when C(username) is omitted.
    type: str
    choices: [present, absent]
    default: present
  purge_registries:
    description:
      - Whether to remove logins that earlier tasks with this option stored in the file, and that O(registries) no longer
        contains. O(state=absent) removes all of them, and the logins in O(registries).
      - The module keeps a list of these logins next to the file, in a file with the suffix C(.pullpass-logins) and mode 0600.
        The list contains registries, user names, O(store) and O(purge_owner), but never a password or a hash of one.
      - A login is removed only if the file or the helper still contains it with the same user name. Logins of other users stay,
        and so do logins that already existed. If another account stored the login later for the same user, the module cannot
        detect this and removes it.
      - A login that is already in the desired state is not added to the list until its password changes.
      - A login is not added, and never removed, if its user name looks like a token. This gives a warning.
      - Without this option, the module only keeps an existing list up to date.
    type: bool
    default: false
  purge_owner:
    description:
      - Name (string) for O(purge_registries), which removes only logins of tasks with the same name. Two tasks that write the
        same file need different names. Otherwise each removes the logins of the other.
    type: raw
    default: default
  path:
    description:
      - The file, as an absolute path or a path that starts with C(~/). C(~) is the home directory of O(user).
      - With O(format=docker), the default is C(config.json) in the directory C(DOCKER_CONFIG), else in C(~/.docker).
      - With O(format=containers), the default is the file that C(REGISTRY_AUTH_FILE) names, else C(containers/auth.json) in
        C(XDG_RUNTIME_DIR), C(/run/user/<uid>) or C(/run/containers/<uid>).
      - These environment variables apply only if the task runs as O(user) itself.
      - If the path is a link, the link stays and its target is replaced. A link without a target is an error.
    type: str
  format:
    description:
      - V(docker) for C(config.json). V(containers) for the C(auth.json) of podman, skopeo, buildah and CRI-O.
      - Only V(containers) supports logins for a path of a registry, C(host/team).
    type: str
    choices: [docker, containers]
    default: docker
  persistent:
    description:
      - With O(format=containers), use C(~/.config/containers/auth.json) instead of the file in C(/run). A restart of the
        machine deletes the file in C(/run), and an account without a session has no directory there. The programs read the
        persistent file second.
    type: bool
    default: false
  user:
    description:
      - Account of the host that the logins belong to (string). The task must run as root. The file, O(config_file) and each
        credential helper are used only with the rights of this account. A helper gets the environment of a login shell. The
        account can delay the task by at most 150 seconds.
      - Links, directories and files of other accounts are an error. Without this option, root accepts no file in a directory
        that does not belong to root.
    type: raw
  verify:
    description:
      - V(login) tests each login before anything is written. If a registry rejects one, none is written.
      - V(none) stores the logins without a test.
    type: str
    choices: [none, login]
    default: login
  verify_undecided:
    description:
      - What to do if a registry cannot verify a login, because it is down, limits requests or accepts every login.
      - V(fail) stores nothing.
      - V(warn) gives a warning, stores new logins and replaces logins that are unusable or expired. A usable login with another
        user or password stays. It is C(refused) and fails the task, and nothing is purged.
      - V(accept) stores every login.
    type: str
    choices: [fail, warn, accept]
    default: fail
  config_file:
    description:
      - Path (string) of a docker C(config.json) or containers C(auth.json) with the logins, on the machine that runs the task.
      - With O(user) the file is read with the rights of that account, and C(~) is its home directory. Without O(user), if root
        runs the task and another account owns the directory of the file, or a link to it, the file is read with the rights of
        that account.
      - A file that is encrypted with ansible-vault is an error, because a module cannot decrypt it.
    type: raw
  store:
    description:
      - V(auto) stores a login where the file says. This is the program in C(credHelpers) or (only docker) C(credsStore), else
        the file itself. Unlike docker, the module never selects a helper for an empty file.
      - V(file) stores a login in the file and removes its registry from C(credHelpers). The helper keeps its own copy. If the
        file has a C(credsStore), the registry instead gets an empty helper in C(credHelpers). docker understands this, podman
        does not.
      - Any other string is the suffix of a C(docker-credential-*) program. The program stores the login, and the registry gets
        this helper in C(credHelpers).
    type: raw
    default: auto
  owner:
    description:
      - Owner of the file. By default the owner stays. Cannot be combined with O(user).
      - New directories belong to the account that runs the task. For the home directory of an account, use O(user) instead.
    type: str
  group:
    description: Group of the file. By default the group stays.
    type: str
  mode:
    description:
      - Mode of the file, for example V('0640'). By default a new file gets V(0600), and the mode of an existing file stays. If
        every account can read or write the existing file, its mode becomes V(0600).
      - If the mode changes, the access control list of the file is removed. A new file does not inherit one from its directory.
      - New directories get V(0700).
    type: raw
  backup:
    description: Whether to keep a copy of the old file, with mode 0600, in the same directory. It contains the old passwords.
    type: bool
    default: false
notes:
  - docker and podman do not lock the file. The module checks it again immediately before it replaces it, and makes a new plan
    if another program changed it. Only a change within that last moment can be lost.
  - Root does not run a helper that is named in a file that another account owns or can write. Root rejects a directory that
    others can write, by its mode or by a POSIX access control list. NFSv4 access control lists are not checked.
  - If a registry returns an identity token, the token is stored instead of the password, as docker does. This applies to
    O(format=docker) with O(verify=login). Such a file cannot be used as a pull secret.
  - C(email) and C(revision) of O(registries) are not stored in the file.
seealso:
  - module: pullpass.registry.registry_login_info
  - module: pullpass.registry.pull_secret
"""

EXAMPLES = r"""
- name: Log docker in
  pullpass.registry.registry_login:
    registries:
      - registry: registry.example.com:5000
        username: ci-bot
        password: "{{ vault_registry_password }}"

- name: Log the account of the CI runner in
  become: true
  pullpass.registry.registry_login:
    user: gitlab-runner
    registries: "{{ pullpass_registries }}"

- name: Log podman in persistently
  pullpass.registry.registry_login:
    format: containers
    persistent: true
    registries:
      - registry: registry.example.com/team-a
        username: team-a
        password: "{{ vault_team_a_password }}"

- name: Write the credentials file of the kubelet
  become: true
  pullpass.registry.registry_login:
    path: /var/lib/kubelet/config.json
    store: file
    registries: "{{ pullpass_registries }}"

- name: Remove logins that earlier runs stored and that are no longer listed
  pullpass.registry.registry_login:
    registries: "{{ pullpass_registries }}"
    purge_registries: true

- name: Log out
  pullpass.registry.registry_login:
    state: absent
    registries:
      - registry: docker.io
"""

RETURN = r"""
path:
  description: The file. Ansible adds its owner, group, mode and size.
  returned: when a plan was made
  type: str
  sample: /root/.docker/config.json
logins:
  description: One row for each login, first those of O(registries), then those that O(purge_registries) removed.
  returned: when a plan was made
  type: list
  elements: dict
  contains:
    registry:
      description: Key of the registry in the file.
      type: str
      returned: always
    username:
      description: User name. C(null) for a logout without a user name if nobody was logged in.
      type: str
      returned: always
    action:
      description: C(stored), C(removed), C(unchanged), or C(refused) by O(verify_undecided=warn).
      type: str
      returned: always
    verified:
      description: Whether the registry accepted the login. False if it could not verify the login, C(null) if it was not asked.
      type: bool
      returned: always
  sample: [{"registry": "registry.example.com:5000", "username": "ci-bot", "action": "stored", "verified": true}]
purged:
  description: Registries whose logins O(purge_registries) removed.
  returned: when a plan was made
  type: list
  elements: str
  sample: [old.example.com]
backup_file:
  description: Path of the copy of the old file.
  returned: with O(backup), when the file was changed
  type: str
  sample: /root/.docker/config.json.4711.2026-11-24@22:00:00~
verification:
  description: The answers of the registries. RV(verification.logins) has the same form as in
    M(pullpass.registry.image_access_info).
  returned: when the registries were asked
  type: dict
  contains:
    logins:
      description: A row for each login.
      type: list
      elements: dict
      returned: always
  sample: {"images": [], "logins": [{"registry": "registry.example.com:5000", "username": "ci-bot", "verdict": "accepted",
           "http_status": 200, "message": "user ci-bot: accepted. registry.example.com:5000 accepts the credential."}]}
"""

import typing as t
from dataclasses import asdict

from ..module_utils._errors import InputError
from ..module_utils._host.atomic_file import attributes_option
from ..module_utils._host.credential_helper import CredentialHelpers
from ..module_utils._host.login_change import LoginChange, PurgeList, change_logins
from ..module_utils._host.login_store import REFUSED, STORED, LoginStore
from ..module_utils._module.base import PullpassModule, run
from ..module_utils._module.credential_options import SOURCES
from ..module_utils._module.login_options import (
    LOGIN_OPTIONS,
    login_difference,
    login_failure,
    login_warnings,
    open_logins,
    path_of_config_file,
)
from ..module_utils._module.login_requests import LOGIN_CREDENTIAL_OPTIONS, requested_logins, requested_logouts
from ..module_utils._module.registry_options import REGISTRY_OPTIONS, UNVERIFIED_OPTION, VerifiedCredentials
from ..module_utils._module.text_options import text

OPTIONS: dict[str, t.Any] = {
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    "verify": {"type": "str", "choices": ["none", "login"], "default": "login"},
    "verify_undecided": {"type": "str", "choices": ["fail", "warn", "accept"], "default": "fail"},
    "unverified": UNVERIFIED_OPTION,
    "store": text(default="auto"),
    "owner": {"type": "str"},
    "group": {"type": "str"},
    "mode": {"type": "raw"},
    "backup": {"type": "bool", "default": False},
    "purge_registries": {"type": "bool", "default": False},
    "purge_owner": text(default="default"),
}


def check_options(params: dict[str, t.Any]) -> None:
    if params["user"] is not None and params["owner"] is not None:
        raise InputError("owner and user are both given. The file of a user belongs to that user: remove owner.")
    if not params["store"]:
        raise InputError("store is empty. Give auto, file, or the suffix of a docker-credential-* program.")
    if params["state"] == "absent" and params["registries"] == [] and not params["purge_registries"]:
        raise InputError("registries is an empty list. Name the registries to log out of, or set purge_registries.")
    if not params["purge_owner"]:
        raise InputError("purge_owner is empty. Give a name, or remove the option.")


def flow(module: PullpassModule) -> dict[str, t.Any]:
    params = module.params
    check_options(params)
    place = open_logins(params)
    params["config_file"] = path_of_config_file(params["config_file"], place)
    attributes = attributes_option(params["owner"], params["group"], params["mode"])
    store = LoginStore(place.kind, CredentialHelpers(module), params["store"], module.check_mode)
    purge_list = PurgeList(place.file, params["purge_registries"], params["purge_owner"])
    if params["state"] == "absent":
        requests, answers = requested_logouts(module, place), VerifiedCredentials()
    else:
        requests, answers = requested_logins(module, place, store)
    done = place.as_account(lambda: asdict(change_logins(place.file, store, requests, attributes, params["backup"], purge_list)))
    change = LoginChange.from_json(done)
    for warning in login_warnings(place, requests, change, attributes):
        module.warn(warning)
    if any(one.action in (STORED, REFUSED) for one in change.results):
        answers.warn(module)
    return {
        "changed": change.changed,
        "path": place.file.path,
        "purged": change.purged,
        "logins": [one.row for one in change.results],
        **({"backup_file": change.backup_file} if change.backup_file else {}),
        **({"verification": answers.rows} if answers.rows else {}),
        **({"diff": login_difference(place, change)} if module._diff else {}),
        **login_failure(change),
    }


def main() -> None:
    run(
        flow,
        argument_spec={**OPTIONS, **LOGIN_OPTIONS, **LOGIN_CREDENTIAL_OPTIONS, **REGISTRY_OPTIONS},
        mutually_exclusive=[SOURCES, ("config_registries", "registries")],
        required_one_of=[SOURCES],
        supports_check_mode=True,
    )


if __name__ == "__main__":
    main()

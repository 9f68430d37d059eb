#!/usr/bin/python
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

DOCUMENTATION = r"""
module: registry_login
short_description: Log docker, podman, skopeo and buildah in to registries
version_added: 0.1.0
description:
  - Stores logins for registries where C(docker login) or C(podman login) would, and takes them out again. Needs neither of
    them, nor a daemon, only Python.
  - Asks the registries first, and asks them again about a login that is stored already, so that a revoked one is not reported
    as good.
  - Changes nothing in the file but the logins it is given. Other logins, unknown members, order, indentation, owner and links
    stay. The file is replaced as a whole, by one task at a time. A file that is damaged is refused and left as it was.
  - Never returns a password, nor anything that one could be read from.
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
      - Asks the registries, and credential helpers for what they keep. Writes nothing.
  diff_mode:
    support: full
    details:
      - Tells users, and passwords by markers.
  idempotent:
    support: full
options:
  state:
    description:
      - With V(present) the logins are stored.
      - With V(absent) they are removed, and erased from the credential helper that keeps them. Of O(registries) only
        C(registry) is needed then; with C(username), only the login of that user is removed. Whose an identity token is that a
        helper keeps is not known, so that it goes only without C(username).
    type: str
    choices: [present, absent]
    default: present
  purge_registries:
    description:
      - Whether logins that this module stored in the file earlier with this option, and that O(registries) does not name any
        more, are removed. With O(state=absent) all of them are removed, in addition to those that are named.
      - The module keeps a list of them beside the file, mode 0600, with the name of the file and C(.pullpass-logins) at its
        end. It holds registries, user names, O(store) and O(purge_owner), never a password or a hash of one. (docker and podman
        drop marks in the file itself.)
      - A login is removed only if it is on the list, and the file or the helper still has it with the same user name and of
        the same kind. Logins that were there before stay, and those of other users since. Where somebody logged in again as the
        same user, the module cannot see that, and takes the login for its own.
      - A login that the module finds as wanted is not added to the list. It is added when its password changes.
      - A user name that looks like a token is not written down, so that its login is not removed. A warning says so.
      - Without this option, a list that exists is kept up to date, and nothing else is done with it.
    type: bool
    default: false
  purge_owner:
    description:
      - Name (a text) for the tasks that log in to the registries together. O(purge_registries) removes only logins of tasks with
        the same name. Give two tasks with O(purge_registries) for one file different names, or each removes the logins of the
        other.
    type: raw
    default: default
  path:
    description:
      - The file, as an absolute path or from C(~/), which is the home of O(user). By default the one that the programs choose
        themselves.
      - That is for docker C(config.json) in the folder that C(DOCKER_CONFIG) names, or in C(~/.docker); for containers what
        C(REGISTRY_AUTH_FILE) names, or C(containers/auth.json) in C(XDG_RUNTIME_DIR), C(/run/user/<uid>) or
        C(/run/containers/<uid>).
      - These variables count only where the task runs as O(user) itself.
      - A link is followed and stays, and the file that it leads to is replaced. A link to nothing is refused.
    type: str
  format:
    description:
      - V(docker) for C(config.json), V(containers) for the C(auth.json) of podman, skopeo, buildah and CRI-O.
      - Only V(containers) knows logins for a path of a registry, C(host/team).
    type: str
    choices: [docker, containers]
    default: docker
  persistent:
    description:
      - With O(format=containers), use C(~/.config/containers/auth.json) instead of the file below C(/run), which is lost when
        the machine starts anew, and which an account that is not logged in has no folder for. The programs look there second.
    type: bool
    default: false
  user:
    description:
      - Account (a text) of the host whose logins these are. The task has to run as root. It reads and writes the file, reads
        O(config_file) and runs each credential helper with the rights of this account alone; a helper gets the environment of a
        plain login. What the account does with these processes holds up the task for 150 seconds at most.
      - Links, folders and files of anybody else are refused. Without this option, root refuses what is below a folder that is
        not root's.
    type: raw
  verify:
    description:
      - With V(login) each login is tried before anything is written. Where a registry rejects one, none is written.
      - With V(none) they are stored without asking.
    type: str
    choices: [none, login]
    default: login
  verify_undecided:
    description:
      - What to do where a registry cannot verify a login, because it is down, limits requests or accepts every login.
      - With V(fail) nothing is stored.
      - With V(warn) a new login is stored, and one that replaces an unusable or expired login. A login that works and has another
        user or password stays, the task fails for it (C(refused)), and nothing is purged.
      - With V(accept) every login is stored.
    type: str
    choices: [fail, warn, accept]
    default: fail
  config_file:
    description:
      - Path (a text) of a docker C(config.json), or of a containers C(auth.json), with the logins, on the machine where the task
        runs.
      - With O(user) it is read with the rights of that account, and C(~/) is its home. Without O(user), root reads a file that
        lies in a folder of somebody else, or behind a link of somebody else, with the rights of that account.
      - A file that is encrypted with ansible-vault is told apart; a module cannot decrypt it.
    type: raw
  store:
    description:
      - A text. V(auto) stores a login where the file says, through the program of C(credHelpers) or (docker alone)
        C(credsStore), or else in the file itself. No helper is chosen that the file does not name, though docker would choose
        one for a file that is empty.
      - V(file) stores it in the file, and takes the registry out of C(credHelpers), which would hide it. What a helper keeps
        stays there. Where there is a C(credsStore), C(credHelpers) names an empty helper for the registry instead; docker
        understands that, but podman, which may read this file as well, does not.
      - Any other word is the suffix of a C(docker-credential-*) program, which gets the login, and is named for the registry in
        C(credHelpers).
    type: raw
    default: auto
  owner:
    description:
      - Owner of the file. By default as it is. Not together with O(user).
      - Folders that have to be made belong to whoever runs the task. For the home of an account set O(user) instead.
    type: str
  group:
    description: Group of the file. By default as it is.
    type: str
  mode:
    description:
      - Mode of the file, as V('0640'). By default V(0600) for a new file, and as it is for one that is there; but one that
        every account can read or write becomes V(0600).
      - Where the mode changes, an access control list of the file is removed. A new file takes none from its folder.
      - Folders that have to be made get V(0700).
    type: raw
  backup:
    description: Whether to keep a copy of a file that is changed, mode 0600, beside it. It holds the old passwords.
    type: bool
    default: false
notes:
  - docker and podman take no lock. So the file is looked at again right before it is replaced, and the change is planned again
    where another program has written the file meanwhile. Only what is written within that last moment can be lost.
  - Root does not run a helper that a file of somebody else chooses, or a file that others can write. Root refuses a folder that
    others can write, by its mode or by a POSIX access control list. NFSv4 access control lists are not looked at.
  - A registry that hands out an identity token has it stored in place of the password, as docker does (O(format=docker) with
    O(verify=login)). Such a file is of no use as a pull secret.
  - C(email) and C(revision) of O(registries) are not kept in the file.
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

- name: Two registries for the account of the CI runner
  become: true
  pullpass.registry.registry_login:
    user: gitlab-runner
    registries: "{{ pullpass_registries }}"

- name: Log podman in, for good
  pullpass.registry.registry_login:
    format: containers
    persistent: true
    registries:
      - registry: registry.example.com/team-a
        username: team-a
        password: "{{ vault_team_a_password }}"

- name: The kubelet's own file
  become: true
  pullpass.registry.registry_login:
    path: /var/lib/kubelet/config.json
    store: file
    registries: "{{ pullpass_registries }}"

- name: These registries and no other of those that were stored here before
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
  returned: always, unless nothing could be planned
  type: str
  sample: /root/.docker/config.json
logins:
  description: What became of each login, first those of O(registries), then those that O(purge_registries) removed.
  returned: always, unless nothing could be planned
  type: list
  elements: dict
  contains:
    registry:
      description: Key under which the registry stands in the file.
      type: str
      returned: always
    username:
      description: The user. None for a logout that names none where nobody was logged in.
      type: str
      returned: always
    action:
      description: C(stored), C(removed), C(unchanged), or C(refused) by O(verify_undecided=warn).
      type: str
      returned: always
    verified:
      description: Whether the registry accepted the login. False where that could not be found out, none where it was not asked.
      type: bool
      returned: always
  sample: [{"registry": "registry.example.com:5000", "username": "ci-bot", "action": "stored", "verified": true}]
purged:
  description: Registries whose logins O(purge_registries) removed.
  returned: always, unless nothing could be planned
  type: list
  elements: str
  sample: [old.example.com]
backup_file:
  description: The copy of the file as it was.
  returned: with O(backup), when the file was changed
  type: str
  sample: /root/.docker/config.json.4711.2026-11-24@22:00:00~
verification:
  description: What the registries said, with RV(verification.logins) as M(pullpass.registry.image_access_info) returns them.
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

from ..module_utils._credentials.credential import Credential, Login, StoredLogin
from ..module_utils._errors import InputError
from ..module_utils._host.atomic_file import Attributes, attributes_option
from ..module_utils._host.credential_helper import CredentialHelpers
from ..module_utils._host.login_format import lost_at_boot
from ..module_utils._host.login_purge import Purge
from ..module_utils._host.login_store import REFUSED, REMOVED, STORED, Keeper, Wish, look, settle
from ..module_utils._module.base import PullpassModule, mark_secrets, run
from ..module_utils._module.credential_options import (
    CREDENTIAL_OPTIONS,
    SOURCES,
    announce,
    credentials_option,
    registries_given,
    registries_option,
)
from ..module_utils._module.login_options import LOGIN_OPTIONS, LoginPlace, open_logins, path_of_config_file
from ..module_utils._module.registry_options import (
    REGISTRY_OPTIONS,
    UNVERIFIED_OPTION,
    Verified,
    accepted,
    doubts_option,
    open_registries,
    verify,
    warn_of_doubts,
)
from ..module_utils._module.text_options import text
from ..module_utils._registry.identity_login import has_token_server, with_identity_token
from ..module_utils._registry.verdict import ACCEPTED
from ..module_utils._text import listed

if t.TYPE_CHECKING:
    from collections.abc import Iterator

    from ..module_utils._registry.client import Registries

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
CREDENTIALS = {
    **CREDENTIAL_OPTIONS,
    # to log out, a user name needs no password
    "registries": registries_given(together=[]),
    # no path: Ansible would put the home of whoever runs the task in the place of '~', not that of user
    "config_file": text(),
}
# registries that are asked at a time
WORKERS = 8
REMEDY = "a credential helper that gets new ones by itself, such as docker-credential-ecr-login, named in credHelpers"


def check_options(params: dict[str, t.Any]) -> None:
    if params["user"] is not None and params["owner"] is not None:
        raise InputError("owner and user are both given, and the file of a user belongs to that user. Leave owner out.")
    if not params["store"]:
        raise InputError("store is empty. Give auto, file, or the suffix of a docker-credential-* program.")
    if params["state"] == "absent" and params["registries"] == [] and not params["purge_registries"]:
        raise InputError("registries is an empty list. Name the registries to log out of, or set purge_registries.")
    if not params["purge_owner"]:
        raise InputError("purge_owner is empty. Give a name, or leave the option out.")


def logouts(module: PullpassModule, place: LoginPlace) -> list[Wish]:
    entries = module.params["registries"]
    # whatever file the options name, the account reads it itself
    registries = place.as_account(lambda: {"keys": registries_option(module)})["keys"]
    usernames = [None] * len(registries) if entries is None else [entry["username"] for entry in entries]
    keys = [place.kind.key(registry) for registry in registries]
    return [Wish(key, username=username) for key, username in zip(keys, usernames)]


def logins(module: PullpassModule, place: LoginPlace, keeper: Keeper) -> tuple[list[Wish], Verified]:
    """What to store, once the registries have accepted it, and what they said."""
    params = module.params
    # whatever file and helper the options name, the account reads and asks it itself
    given = place.as_account(lambda: {"credentials": list(map(asdict, credentials_option(module)))})["credentials"]
    credentials = [Credential(**one) for one in given]
    announce(module, credentials, REMEDY)
    keys = [place.kind.key(one.registry) for one in credentials]
    wanted = [Login(one.registry, one.username, one.password) for one in credentials]
    found = accepted(Verified(doubts=doubts_option(params["unverified"], credentials)), params["verify_undecided"])
    if params["verify"] != "none":
        registries = open_registries(params, [one.registry for one in credentials])
        found = verify(module, registries, credentials, WORKERS)
        good = [row["verdict"] == ACCEPTED for row in found.rows["logins"]]
        wanted = with_identity_tokens(module, place, keeper, registries, list(zip(keys, wanted, good)))
    undecided = found.undecided(params["verify_undecided"])
    return [Wish(key, login, None, login.registry not in undecided) for key, login in zip(keys, wanted)], found


def with_identity_tokens(
    module: PullpassModule, place: LoginPlace, keeper: Keeper, registries: Registries, wanted: list[tuple[str, Login, bool]]
) -> list[Login]:
    """The logins, with the identity token that a registry hands out for an accepted one. ``wanted``: key, login, accepted."""
    asked = [key for key, login, good in wanted if good and place.kind.identity_tokens and has_token_server(registries, login)]
    if not asked:
        return [login for _key, login, _good in wanted]
    stored = place.as_account(lambda: look(place.file, keeper, asked))
    found = [
        with_identity_token(registries, login, StoredLogin(**stored[key])) if key in asked else login
        for key, login, _good in wanted
    ]
    mark_secrets(module, (login.token for login in found))
    return found


def refusals(done: dict[str, t.Any]) -> dict[str, t.Any]:
    """``failed`` and ``msg`` for the logins that stayed because the new one is not verified."""
    names = [row["registry"] for row in done["rows"] if row["action"] == REFUSED]
    if not names:
        return {}
    return {
        "failed": True,
        "msg": f"the new login for {listed(names)} is not verified, and another login that works is stored; it stays. "
        "Correct the registry, its CA or the network and run again. To store it unverified, set verify_undecided to accept.",
    }


def warnings(place: LoginPlace, wishes: list[Wish], attributes: Attributes, done: dict[str, t.Any]) -> Iterator[str]:
    for wish in wishes:
        if wish.login and wish.login.token:
            yield (
                f"{wish.key} hands out an identity token, which is kept in place of the password, as docker login does. docker "
                "can use it; the kubelet cannot, so that this file is of no use as a pull secret. Give pull_secret the password."
            )
    if lost_at_boot(place.file.path) and any(row["action"] == STORED for row in done["rows"]):
        yield (
            f"{place.file.path} lies in memory, and the login is lost when the machine starts anew. Set persistent, or give a "
            "path of your own."
        )
    yield from done["warnings"]
    if done["unlocked"]:
        yield (
            f"the folder of {place.file.path} could not be locked (it is on NFS, or another process holds the lock): two tasks "
            "that change the file at the same time could lose a login."
        )
    if attributes.mode is not None and attributes.mode & 0o007:
        yield f"by its mode every account of the host may read the passwords in {place.file.path}."


def difference(place: LoginPlace, done: dict[str, t.Any]) -> dict[str, str]:
    before, after = [], []
    for row in done["rows"]:
        if row["action"] in (STORED, REMOVED) and row["before"] is not None:
            before.append(f"{row['registry']}: user {row['before']}, password (before)")
        if row["action"] == STORED:
            after.append(f"{row['registry']}: user {row['username']}, password (after)")
    for name, old, new in done["attributes"]:
        before.append(f"{name} {old}")
        after.append(f"{name} {new}")
    texts = {"before": before, "after": after}
    path = {"before_header": place.file.path, "after_header": place.file.path}
    return {**path, **{name: "".join(f"{line}\n" for line in lines) for name, lines in texts.items()}}


def flow(module: PullpassModule) -> dict[str, t.Any]:
    params = module.params
    check_options(params)
    place = open_logins(params)
    params["config_file"] = path_of_config_file(params["config_file"], place)
    attributes = attributes_option(params["owner"], params["group"], params["mode"])
    keeper = Keeper(place.kind, CredentialHelpers(module), params["store"], module.check_mode)
    found = Verified()
    if params["state"] == "absent":
        wishes = logouts(module, place)
    else:
        wishes, found = logins(module, place, keeper)
    purge = Purge(place.file, params["purge_registries"], params["purge_owner"])
    done = place.as_account(lambda: settle(place.file, keeper, wishes, attributes, params["backup"], purge))
    for warning in warnings(place, wishes, attributes, done):
        module.warn(warning)
    if any(row["action"] in (STORED, REFUSED) for row in done["rows"]):
        warn_of_doubts(module, found.doubts)
    verified = [row["verdict"] == ACCEPTED for row in found.rows["logins"]] if found.rows else [None] * len(wishes)
    verified += [None] * len(done["purged"])
    answer = {
        "changed": done["changed"],
        "path": place.file.path,
        "purged": done["purged"],
        "logins": [
            {"registry": row["registry"], "username": row["username"], "action": row["action"], "verified": good}
            for row, good in zip(done["rows"], verified)
        ],
    }
    if done["backup_file"]:
        answer["backup_file"] = done["backup_file"]
    if found.rows:
        answer["verification"] = found.rows
    if module._diff:
        answer["diff"] = difference(place, done)
    return {**answer, **refusals(done)}


def main() -> None:
    run(
        flow,
        argument_spec={**OPTIONS, **LOGIN_OPTIONS, **CREDENTIALS, **REGISTRY_OPTIONS},
        mutually_exclusive=[SOURCES, ("config_registries", "registries")],
        required_one_of=[SOURCES],
        supports_check_mode=True,
    )


if __name__ == "__main__":
    main()

#!/usr/bin/python
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

DOCUMENTATION = r"""
module: registry_login_info
short_description: Report the registries that a host is logged in to
version_added: 0.1.0
description:
  - Reads the logins that C(docker login), C(podman login) or M(pullpass.registry.registry_login) stored. Reports for each login
    whether docker or podman can use it, and its problem. Requires neither docker nor podman.
  - Reads logins from the credential helpers that the file names. Does not ask the registries.
  - A damaged file does not fail the task. RV(problem) describes the damage. Never returns a password. A user name that can be a
    token is returned as C((hidden)).
author:
  - pullpass.registry maintainers (@pullpass)
extends_documentation_fragment:
  - pullpass.registry._attributes
attributes:
  check_mode:
    support: full
  diff_mode:
    support: none
  idempotent:
    support: full
options:
  path:
    description:
      - The file, as an absolute path or a path that starts with C(~/). C(~) is the home directory of O(user). The default is
        the same as in M(pullpass.registry.registry_login).
    type: str
  format:
    description: V(docker) for C(config.json). V(containers) for the C(auth.json) of podman, skopeo, buildah and CRI-O.
    type: str
    choices: [docker, containers]
    default: docker
  persistent:
    description:
      - With O(format=containers), read C(~/.config/containers/auth.json) instead of the file in C(/run). The programs read the
        persistent file second.
    type: bool
    default: false
  user:
    description:
      - Account of the host that the logins belong to (string). The task must run as root. It reads the file and runs each
        credential helper only with the rights of this account, for at most 150 seconds.
    type: raw
notes:
  - Root does not run a helper that is named in a file that another account owns or can write. The row of the login says so.
seealso:
  - module: pullpass.registry.registry_login
"""

EXAMPLES = r"""
- name: Read the logins of the CI runner
  become: true
  pullpass.registry.registry_login_info:
    user: gitlab-runner
  register: logins

- name: Stop if the CI runner is not logged in
  ansible.builtin.assert:
    that: >-
      logins.logins | selectattr('usable') | selectattr('registry', 'equalto', 'registry.example.com:5000') | list | length > 0
    fail_msg: "{{ logins.problem or 'The runner is not logged in to registry.example.com:5000.' }}"
"""

RETURN = r"""
path:
  description: The file. Ansible adds its owner, group, mode and size.
  returned: always
  type: str
  sample: /home/gitlab-runner/.docker/config.json
exists:
  description: Whether the file exists.
  returned: always
  type: bool
  sample: true
problem:
  description:
    - Problem of the file as a whole, or why the C(credsStore) program cannot list its logins. RV(logins) is then incomplete.
    - C(null) if there is no problem or no file.
  returned: always
  type: str
  sample: null
logins:
  description: The logins, sorted by registry. If the file is damaged, the logins that can be read.
  returned: always
  type: list
  elements: dict
  contains:
    registry:
      description: Key of the registry in the file or in the helper.
      type: str
      returned: always
    username:
      description: User name, if it is known.
      type: str
      returned: always
    usable:
      description: Whether docker can use the login, or with O(format=containers) podman, skopeo, buildah and CRI-O.
      type: bool
      returned: always
    problem:
      description: Problem of the login or additional information, or C(null).
      type: str
      returned: always
    store:
      description: C(file), or the suffix of the credential helper that stores the login.
      type: str
      returned: always
  sample: [{"registry": "registry.example.com:5000", "username": "ci-bot", "usable": true, "problem": null, "store": "file"}]
"""

import typing as t

from ..module_utils._host.credential_helper import CredentialHelpers
from ..module_utils._host.login_report import survey
from ..module_utils._module.base import PullpassModule, run
from ..module_utils._module.login_options import LOGIN_OPTIONS, open_logins


def flow(module: PullpassModule) -> dict[str, t.Any]:
    place = open_logins(module.params)
    helpers = CredentialHelpers(module)
    found = place.as_account(lambda: survey(place.file, place.kind, helpers))
    return {"changed": False, "path": place.file.path, **found}


def main() -> None:
    run(flow, argument_spec=LOGIN_OPTIONS, supports_check_mode=True)


if __name__ == "__main__":
    main()

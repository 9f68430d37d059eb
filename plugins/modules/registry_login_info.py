#!/usr/bin/python
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

DOCUMENTATION = r"""
module: registry_login_info
short_description: Tell which registries a host is logged in to
version_added: 0.1.0
description:
  - Reads what C(docker login), C(podman login) or M(pullpass.registry.registry_login) have stored, and tells for each login
    whether its readers can use it, and what is wrong with it. Needs neither docker nor podman.
  - Asks the credential helpers that the file names for what they keep. Asks no registry.
  - A file that is damaged is no failure; RV(problem) says where and what. Never returns a password; a user name that may be a
    token is C((hidden)).
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
      - The file, as an absolute path or from C(~/), which is the home of O(user). By default the one that the programs choose
        themselves, as for M(pullpass.registry.registry_login).
    type: str
  format:
    description: V(docker) for C(config.json), V(containers) for the C(auth.json) of podman, skopeo, buildah and CRI-O.
    type: str
    choices: [docker, containers]
    default: docker
  persistent:
    description:
      - With O(format=containers), read C(~/.config/containers/auth.json), where the programs look second, instead of the file
        below C(/run).
    type: bool
    default: false
  user:
    description:
      - Account (a text) of the host whose logins these are. The task has to run as root. It reads the file and runs each
        credential helper with the rights of this account alone, for 150 seconds at most.
    type: raw
notes:
  - Root does not run a helper that a file of somebody else chooses, or a file that others can write; the row says so.
seealso:
  - module: pullpass.registry.registry_login
"""

EXAMPLES = r"""
- name: Is the CI runner logged in?
  become: true
  pullpass.registry.registry_login_info:
    user: gitlab-runner
  register: logins

- name: Stop where it is not
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
  description: Whether it is there.
  returned: always
  type: bool
  sample: true
problem:
  description:
    - What is wrong with the file as a whole, and where, or why the program of C(credsStore) cannot say which logins it keeps.
      RV(logins) is not complete then.
    - C(null) for a file without a fault, and for one that does not exist.
  returned: always
  type: str
  sample: null
logins:
  description: The logins, sorted by registry. Of a file that is damaged, as far as they can be told apart.
  returned: always
  type: list
  elements: dict
  contains:
    registry:
      description: Key under which the registry stands in the file or in the helper.
      type: str
      returned: always
    username:
      description: The user, as far as it is known.
      type: str
      returned: always
    usable:
      description: Whether docker (for O(format=containers), podman and its kin) get a login out of it.
      type: bool
      returned: always
    problem:
      description: What is wrong with it, or worth knowing. Otherwise none.
      type: str
      returned: always
    store:
      description: C(file), or the suffix of the credential helper that keeps it.
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

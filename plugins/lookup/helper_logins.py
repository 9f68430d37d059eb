# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

DOCUMENTATION = r"""
name: helper_logins
author: pullpass.registry maintainers (@pullpass)
short_description: Ask credential helpers on the controller for user names and passwords
version_added: 0.1.0
description:
  - Runs the C(docker-credential-*) programs that the given registries name, once for each registry, on the controller and with
    the identity of the account that runs Ansible.
  - A program is killed after 30 seconds. All programs together have 10 minutes.
  - The result contains passwords. A task with this lookup requires C(no_log).
options:
  _terms:
    description: Entries with C(registry) and C(credential_helper), as in O(pullpass.registry.pull_secret#module:registries).
    type: list
    elements: dict
    required: true
"""

EXAMPLES = r"""
- name: Log in with a credential of a helper on the controller
  pullpass.registry.registry_login:
    registries:
      - registry: ghcr.io
        username: "{{ login.username }}"
        password: "{{ login.password }}"
  vars:
    login: "{{ query('pullpass.registry.helper_logins', {'registry': 'ghcr.io', 'credential_helper': 'pass'}) | first }}"
  no_log: true
"""

RETURN = r"""
_list:
  description:
    - For each entry a mapping of C(username), C(password) and C(problem). If the program fails, C(problem) gives the reason and
      the others are empty strings. Check it before you use the login.
  type: list
  elements: dict
"""

import typing as t

from ansible.errors import AnsibleLookupError
from ansible.plugins.lookup import LookupBase
from ansible.release import __version__

from ..module_utils._credentials.registry_key import canonical_registry
from ..module_utils._errors import InputError, PullpassError
from ..module_utils._host.credential_helper import CredentialHelpers
from ..module_utils._module.base import ProgramRunner, core_problem, unexpected_message

# seconds
TOGETHER = 600.0


class LookupModule(LookupBase):
    def run(self, terms: list[t.Any], variables: t.Any = None, **_options: t.Any) -> list[dict[str, str]]:
        problem = core_problem(__version__)
        try:
            if not problem:
                return self._logins(terms)
        except AnsibleLookupError:
            raise
        except Exception as error:  # the last resort: its text may contain a password, and Ansible would show it
            problem = unexpected_message(error)
        raise AnsibleLookupError(f"helper_logins: {problem}")

    def _logins(self, terms: list[t.Any]) -> list[dict[str, str]]:
        helpers = CredentialHelpers(ProgramRunner(), together=TOGETHER)
        by_helper: dict[tuple[str, str], dict[str, str]] = {}
        logins = []
        for term in terms:
            if not isinstance(term, dict) or not {"registry", "credential_helper"} <= term.keys():
                raise AnsibleLookupError("helper_logins: an entry is not a mapping with registry and credential_helper.")
            suffix, registry = str(term["credential_helper"]), str(term["registry"])
            try:
                key = canonical_registry(registry)
            except InputError as error:
                logins.append({"username": "", "password": "", "problem": str(error)})
                continue
            if (suffix, key) not in by_helper:
                by_helper[suffix, key] = answer(helpers, suffix, key)
            logins.append(by_helper[suffix, key])
        return logins


def answer(helpers: CredentialHelpers, suffix: str, key: str) -> dict[str, str]:
    try:
        username, password = helpers.login(key, suffix, key)
    except PullpassError as error:
        return {"username": "", "password": "", "problem": str(error)}
    return {"username": username, "password": password, "problem": ""}

# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE to the collection: what it does is in plugins/action/check_variables.py.
from __future__ import annotations

DOCUMENTATION = r"""
module: check_variables
author: pullpass.registry maintainers (@pullpass)
short_description: Check the variables of a host for a role of this collection
version_added: 0.1.0
description:
  - Internal module of the roles C(pullpass.registry.cluster_pull_access) and C(pullpass.registry.host_registry_login).
  - Errors are misspelt variables, undefined variables, values of a wrong type, and a host that names no cluster. An undefined
    variable inside another value is found, too. On ansible-core 2.17 and 2.18 the filter C(default) would hide it.
  - No message contains a value that can be secret.
options:
  role:
    description:
      - The role whose variables are checked.
    type: str
    choices: [cluster_pull_access, host_registry_login]
    required: true
  entry_point:
    description:
      - The entry point of the role. It decides which variables are required.
    type: str
    default: main
extends_documentation_fragment:
  - pullpass.registry._attributes
attributes:
  check_mode:
    support: full
  diff_mode:
    support: none
  idempotent:
    support: full
"""

EXAMPLES = r"""
- name: Check the variables of this host
  pullpass.registry.check_variables:
    role: host_registry_login
"""

RETURN = r"""
claim:
  description:
    - Server, context, Secret and namespaces of this host, for M(pullpass.registry.compare_clusters). Its credentials are
      included only as an HMAC with a key of this run.
  returned: for O(role=cluster_pull_access), when there is no error
  type: dict
vaulted_config_file:
  description: Path of the file with the credentials if ansible-vault encrypted it, else an empty string.
  returned: for O(role=cluster_pull_access), when there is no error
  type: str
"""

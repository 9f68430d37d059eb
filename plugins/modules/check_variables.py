# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE to the collection: what it does is in plugins/action/check_variables.py.
from __future__ import annotations

DOCUMENTATION = r"""
module: check_variables
author: pullpass.registry maintainers (@pullpass)
short_description: Check the variables of a host for a role of this collection
version_added: 0.1.0
description:
  - The first task of the roles C(pullpass.registry.cluster_pull_access) and C(pullpass.registry.host_registry_login). Not made
    for other use.
  - Misspelt variables, undefined variables (also nested ones, which the filter C(default) hides on ansible-core 2.17 and 2.18),
    values of a wrong type, and a host that names no cluster are errors. No message repeats a value that can hold a secret.
options:
  role:
    description:
      - The role whose variables are checked.
    type: str
    choices: [cluster_pull_access, host_registry_login]
    required: true
  entry_point:
    description:
      - The entry point of the role, which decides about the variables.
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
    - Server, context, Secret and namespaces that this host stands for, and its credentials as HMAC with a key of this run, for
      M(pullpass.registry.compare_clusters).
  returned: for O(role=cluster_pull_access), when there is no error
  type: dict
vaulted_config_file:
  description: Path of the file with the credentials, if ansible-vault has encrypted it; else an empty text.
  returned: for O(role=cluster_pull_access), when there is no error
  type: str
"""

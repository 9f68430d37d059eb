# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE to the collection: what it does is in plugins/action/left_out.py.
from __future__ import annotations

DOCUMENTATION = r"""
module: left_out
author: pullpass.registry maintainers (@pullpass)
short_description: Find the namespaces in which a part of the work failed
version_added: 0.1.0
description:
  - Internal module of the role C(pullpass.registry.cluster_pull_access).
  - Fails if the name of a failed namespace contains a password. Ansible masks this name in the result of a module, and a masked
    name selects other namespaces, or none.
options:
  module:
    description:
      - The module that returned O(result).
    type: str
    choices: [pull_secret, pull_secret_link]
    required: true
  result:
    description:
      - The registered result.
    type: dict
    required: true
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
- name: Find where the Secret could not be written
  pullpass.registry.left_out:
    module: pull_secret
    result: "{{ written }}"
  register: without_secret
"""

RETURN = r"""
namespaces:
  description:
    - Names of the namespaces to leave out of the following parts.
  returned: success
  type: list
  elements: str
  sample: [team-a]
"""

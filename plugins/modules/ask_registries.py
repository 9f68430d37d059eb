# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE to the collection: what it does is in plugins/action/ask_registries.py.
from __future__ import annotations

DOCUMENTATION = r"""
module: ask_registries
author: pullpass.registry maintainers (@pullpass)
short_description: Ask registries about the credentials of many hosts, each once
version_added: 0.1.0
description:
  - What the role C(pullpass.registry.registry_verification) runs on the controller. Not made for other use - to try credentials,
    use M(pullpass.registry.image_access_info), which it calls.
  - Arguments and results hold credentials. A task with it needs C(no_log).
options:
  asks:
    description:
      - What each host wants to know, in the form of the role's argument C(registry_verification_asks).
    type: list
    elements: dict
    required: true
  answers:
    description:
      - The answers that an earlier task returned. They are not asked for again.
    type: dict
  undecided:
    description:
      - Whether a credential that no registry can verify is a refusal (V(fail)) or a warning.
    type: str
    choices: [fail, warn, accept]
    default: warn
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
- name: Ask about the credentials of all hosts
  pullpass.registry.ask_registries:
    asks: "{{ ansible_play_hosts | map('extract', hostvars, 'asks_of_this_host') | list }}"
  delegate_to: localhost
  run_once: true
  no_log: true
  register: said
"""

RETURN = r"""
results:
  description:
    - For each of O(asks), in their order, a mapping of C(refusal) (why these credentials are not to be used, or an empty text)
      and C(warnings) (what could not be found out).
  returned: success
  type: list
  elements: dict
  sample:
    - refusal: "user robot: rejected. registry.example.com rejects the credential (401)."
      warnings: []
answers:
  description:
    - All answers that are known now, for O(answers) of the next task.
  returned: when something was asked that O(answers) did not have
  type: dict
"""

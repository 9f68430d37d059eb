# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE to the collection: what it does is in plugins/action/ask_registries.py.
from __future__ import annotations

DOCUMENTATION = r"""
module: ask_registries
author: pullpass.registry maintainers (@pullpass)
short_description: Ask registries about the credentials of many hosts, each credential once
version_added: 0.1.0
description:
  - Internal module of the role C(pullpass.registry.registry_verification). It runs on the controller. To test credentials in a
    playbook, use M(pullpass.registry.image_access_info), which this module calls.
  - Arguments and results contain credentials. A task with this module requires C(no_log).
options:
  asks:
    description:
      - The questions of each host, in the form of the role argument C(registry_verification_asks).
    type: list
    elements: dict
    required: true
  answers:
    description:
      - Answers that an earlier task returned. These questions are not asked again.
    type: dict
  undecided:
    description:
      - Whether a credential that no registry can verify is a refusal (V(fail)) or a warning (V(warn), V(accept)).
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
    - One mapping for each of O(asks), in the same order. C(refusal) is the reason not to use the credentials, or an empty
      string. C(warnings) lists what could not be verified.
  returned: success
  type: list
  elements: dict
  sample:
    - refusal: "user robot: rejected. registry.example.com rejects the credential (401)."
      warnings: []
answers:
  description:
    - All known answers, for O(answers) of the next task.
  returned: when O(answers) did not contain an answer to each question
  type: dict
"""

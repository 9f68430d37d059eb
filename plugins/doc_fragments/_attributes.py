# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options: {}
attributes:
  check_mode:
    description: Can run in C(check_mode) and tell what would change, without changing anything.
  diff_mode:
    description: Returns what has changed, or would change in C(check_mode), when run with C(--diff).
  idempotent:
    description: Run again with the same options, it changes nothing and sends no write.
"""

    CLUSTER = r"""
options: {}
attributes:
  action_group:
    description: Use C(group/pullpass.registry.kubernetes) in C(module_defaults) to set the connection once for all modules.
    support: full
    membership:
      - pullpass.registry.kubernetes
"""

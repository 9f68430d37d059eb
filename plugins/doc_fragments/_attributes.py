# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options: {}
attributes:
  check_mode:
    description: In C(check_mode), reports what would change and changes nothing.
  diff_mode:
    description: With C(--diff), returns what changed, or what would change in C(check_mode).
  idempotent:
    description: A second run with the same options changes nothing.
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

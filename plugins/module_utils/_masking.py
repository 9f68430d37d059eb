# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE to the collection.
"""Register secret values with Ansible's masking. The second net: nothing of ours returns a secret in the first place."""

from __future__ import annotations

import typing as t

from ansible_collections.pullpass.registry.plugins.module_utils._credentials.redact import remember_secrets

if t.TYPE_CHECKING:
    from collections.abc import Iterable

    from ansible.module_utils.basic import AnsibleModule

try:  # ansible-core 2.22 masks what is registered and leaves no_log_values alone
    from ansible.module_utils.secrets import register_secrets
except ImportError:
    register_secrets = None


def mark_secrets(module: AnsibleModule, values: Iterable[str]) -> None:
    """Have every output of this module masked for ``values`` and for nothing else; empty strings are passed over."""
    secrets = {value for value in values if value}
    module.no_log_values.update(secrets)
    remember_secrets(secrets)
    if register_secrets is not None:
        register_secrets(secrets)

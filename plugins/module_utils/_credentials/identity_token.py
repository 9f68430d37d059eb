# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE to the collection.
"""Identity tokens: refresh tokens that docker exchanges for access, and that the kubelet ignores."""

from __future__ import annotations

from ansible_collections.pullpass.registry.plugins.module_utils._errors import InputError

# what docker-credential-helpers give as user name when the secret is an identity token
HELPER_USERNAME = "<token>"
AZURE_USERNAME = "00000000-0000-0000-0000-000000000000"
_AZURE_HOSTS = (".azurecr.io", ".azurecr.cn", ".azurecr.us")


def username_for_identity_token(where: str, registry: str) -> str:
    """The user name under which this registry takes an identity token as password. Raises InputError where none does."""
    if registry.partition("/")[0].partition(":")[0].endswith(_AZURE_HOSTS):
        return AZURE_USERNAME
    raise InputError(
        f"{where} holds an identity token only, which the kubelet ignores. Give a username and a password or an access token "
        "for this registry through registries."
    )

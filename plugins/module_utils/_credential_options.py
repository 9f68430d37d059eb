# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE to the collection.
"""Options that hand a module its credentials; documented in doc fragment credentials."""

from __future__ import annotations

import typing as t

from ansible_collections.pullpass.registry.plugins.module_utils._credentials.credential import (
    Credential,
    credentials_from_options,
)
from ansible_collections.pullpass.registry.plugins.module_utils._credentials.docker_config import (
    credentials_from_document,
)
from ansible_collections.pullpass.registry.plugins.module_utils._errors import InputError
from ansible_collections.pullpass.registry.plugins.module_utils._host.read_text import read_text
from ansible_collections.pullpass.registry.plugins.module_utils._masking import mark_secrets

if t.TYPE_CHECKING:
    from ansible.module_utils.basic import AnsibleModule

CREDENTIAL_OPTIONS: dict[str, t.Any] = {
    "registries": {
        "type": "list",
        "elements": "dict",
        "options": {
            "registry": {"type": "str", "required": True},
            "username": {"type": "str", "required": True},
            "password": {"type": "str", "required": True, "no_log": True},
            "email": {"type": "str"},
        },
    },
    "config_file": {"type": "path"},
    "config_registries": {"type": "list", "elements": "str"},
}
SOURCES = ("registries", "config_file")


def credentials_option(module: AnsibleModule) -> list[Credential]:
    """The credentials of the task's one source, checked, sorted by registry, and registered for masking."""
    params = module.params
    if params["registries"] is not None:
        if not params["registries"]:
            raise InputError("registries is an empty list. Give at least one registry; with state absent none is needed.")
        credentials = credentials_from_options(params["registries"])
    else:
        path = params["config_file"]
        text = read_text("config_file", path)
        credentials = credentials_from_document(f"config_file {path}", text, params["config_registries"])
    for credential in credentials:
        # both forms that stand in a document; the document itself is registered by who builds it
        mark_secrets(module, (credential.password, credential.auth))
        if credential.password != credential.password.strip():
            module.warn(
                f"the password for {credential.registry} begins or ends with white space (a line break from a file, "
                "perhaps). It is used as it is."
            )
    return credentials

# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""How tests ask a registry: through the collection's own client, with as little to say as possible."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ansible_collections.pullpass.registry.plugins.module_utils._credentials.image_reference import parse_image
from ansible_collections.pullpass.registry.plugins.module_utils._registry.addresses import networks_option
from ansible_collections.pullpass.registry.plugins.module_utils._registry.client import Registries, RegistryOptions
from ansible_collections.pullpass.registry.plugins.module_utils._registry.origin import realms_option
from ansible_collections.pullpass.registry.plugins.module_utils._registry.verdict import Finding

# nothing else that is sent or said looks like them
USER, PASSWORD = "Zq7puller", "Zq7s3cr3t"
LOGIN = (USER, PASSWORD)


@dataclass
class Client:
    """``client(host)`` asks a registry that the caller named; ``timeout`` in seconds."""

    ca: Path

    def __call__(
        self,
        host: str,
        *,
        timeout: float = 5,
        realms: Sequence[str] = (),
        allow: Sequence[str] = (),
        ca_cert: str | None = None,
        endpoint: str | None = None,
        validate_certs: bool = True,
        plain_http: bool = False,
        named: bool = True,
    ) -> Registries:
        asking = RegistryOptions(endpoint, ca_cert or str(self.ca), validate_certs, plain_http)
        return Registries(
            {host: asking} if named else {}, asking, timeout, realms_option(realms), networks_option("allow_addresses", allow)
        )


def image(registries: Registries, host: str, name: str = "team/app:1.0", login: tuple[str, str] | None = LOGIN) -> Finding:
    reference = parse_image(f"{host}/{name}")
    return registries.check_image(reference.registry, reference.repository, reference.reference, login)

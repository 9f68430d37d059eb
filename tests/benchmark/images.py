# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Two hundred images of one registry with a token server: asked for one at a time, and sixteen at a time."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator

from ansible_collections.pullpass.registry.plugins.module_utils._credentials.credential import Credential
from ansible_collections.pullpass.registry.plugins.module_utils._credentials.image_reference import ImageReference
from ansible_collections.pullpass.registry.plugins.module_utils._registry.client import Registries, RegistryOptions
from ansible_collections.pullpass.registry.plugins.module_utils._registry.image_access import verify_images

from lab import Lab

from .row import Row

REPOSITORIES, TAGS = 10, 20
WORKERS = (1, 16)


def measure(ground: Lab) -> Iterator[Row]:
    """A tag that is not there costs as much as one that is: a token, a HEAD, and a GET for the reason."""
    registry = ground.registry("bearer")
    assert registry.token_server
    assert registry.token_server_log
    credential = Credential(registry.host, "puller", ground.users["puller"])
    images = [
        ImageReference(registry.host, f"team/app{repository}", f"1.{tag}")
        for repository in range(REPOSITORIES)
        for tag in range(TAGS)
    ]
    realm = registry.token_server.split("/")[2]
    for workers in WORKERS:
        asking = RegistryOptions(ca_cert=str(ground.ca))
        registries = Registries({registry.host: asking}, asking, timeout=20, realms=frozenset((realm,)))
        before = (registry.log.stat().st_size, registry.token_server_log.stat().st_size)
        start = time.monotonic()
        verify_images(registries, [credential], images, workers)
        seconds = time.monotonic() - start
        asked = registry.log.read_text()[before[0] :].count('"pullpass.registry"')
        tokens = sum(
            json.loads(line).get("status") == 200 for line in registry.token_server_log.read_text()[before[1] :].splitlines()
        )
        yield Row(f"{len(images)} images of {REPOSITORIES} repositories, {workers} at a time", seconds, asked + tokens)

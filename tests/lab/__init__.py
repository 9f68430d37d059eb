# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A real Kubernetes, a real node and real registries on this machine, for tests and the demo."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from .errors import LabError
from .model import Cluster, Lab, Registry
from .teardown import down

__all__ = ["Cluster", "Lab", "LabError", "Registry", "down", "up"]


def up(
    instance: str = "demo",
    clusters: int = 1,
    node: bool | None = None,
    registries: Sequence[str] = ("basic",),
    report: Callable[[str], None] = print,
) -> Lab:
    """Bring a lab up, or keep the one that runs; `node` None means: with a node if one can run here."""
    try:
        # Only starting a lab takes other packages; reading and ending one must work without them.
        from . import startup
    except ModuleNotFoundError as error:
        raise LabError(f"The lab needs the Python package {error.name}: pip install -r tests/lab/requirements.txt") from None
    return startup.up(instance, clusters, node, registries, report)

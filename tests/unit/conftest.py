# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Settings of all unit tests. None of them needs a cluster, a network or a right of its own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis.configuration import set_hypothesis_home_dir

from leaks.memory import no_secret_of_another_test

__all__ = ["no_secret_of_another_test"]

# Its caches belong with the other build files, not at the top of the checkout.
set_hypothesis_home_dir(Path(__file__).resolve().parents[2] / ".build" / "hypothesis")
settings.register_profile("unit", deadline=None, database=None, print_blob=True)
settings.load_profile("unit")


@pytest.fixture(autouse=True)
def _nobodys_cluster(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """No kubeconfig, proxy or K8S_AUTH_* of the person who runs the tests is seen by them."""
    with monkeypatch.context() as patch:
        patch.setenv("HOME", str(tmp_path_factory.mktemp("home")))
        for name in ("KUBECONFIG", "HTTPS_PROXY", "HTTP_PROXY", "NO_PROXY", "https_proxy", "http_proxy", "no_proxy"):
            patch.delenv(name, raising=False)
        yield

# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a module remembers as a secret is remembered for its process; tests share one process."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from ansible_collections.pullpass.registry.plugins.module_utils._credentials import redact
from ansible_collections.pullpass.registry.plugins.module_utils._credentials.redact_index import Index


@pytest.fixture(autouse=True)
def no_secret_of_another_test(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """What one test has remembered as a secret is masked in no other one."""
    with monkeypatch.context() as patch:
        patch.setattr(redact, "_index", Index())
        yield

# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""_credentials/redact: no form of a remembered secret passes, wherever the text is cut."""

from __future__ import annotations

import base64
import html
import json
from urllib.parse import quote

import pytest
from ansible_collections.pullpass.registry.plugins.module_utils._credentials.redact import foreign_text, remember_secrets

SECRET = "S3cret/\"of'one%{{x}}$é"
FORMS = {
    "raw": SECRET,
    "JSON": json.dumps(SECRET),
    "repr": repr(SECRET),
    "URL": quote(SECRET, safe=""),
    "HTML": html.escape(SECRET),
    **{f"base64 at {n}": base64.b64encode(b"u:x"[:n] + SECRET.encode() + b"yz").decode() for n in range(3)},
}


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
@pytest.mark.parametrize("limit", [20, 30, 45, 200])
def test_a_remembered_secret_is_masked_before_the_text_is_cut(form: str, limit: int) -> None:
    remember_secrets([SECRET])
    result = foreign_text(f"refused: {form} is bad", limit)
    assert "***" in result
    assert "S3cret" not in result
    assert base64.b64encode(b"S3cret").decode()[:6] not in result


def test_other_text_stays() -> None:
    remember_secrets(["", "long enough"])
    assert foreign_text("nothing to hide") == "nothing to hide"

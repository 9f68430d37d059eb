# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE to the collection.
"""The `auth` member of an `auths` entry, decoded as the kubelet does (kubernetes pkg/credentialprovider/config.go)."""

from __future__ import annotations

import base64
import binascii
import re

_PADDED = re.compile(rb"(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?")
_UNPADDED = re.compile(rb"(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2,3})?")


def decode_auth(auth: str) -> tuple[str, str]:
    """``(username, password)``, bytes that are no UTF-8 as lone surrogates. Raises ValueError with no part of ``auth`` in it.

    Line breaks inside are ignored, all other white space and the URL-safe alphabet are errors, as in Go.
    """
    try:
        encoded = auth.encode("ascii").replace(b"\r", b"").replace(b"\n", b"")
    except UnicodeEncodeError:
        raise ValueError("'auth' is not base64") from None
    pattern = _PADDED if auth.strip().endswith("=") else _UNPADDED
    if not pattern.fullmatch(encoded):
        raise ValueError("'auth' is not base64")
    try:
        decoded = base64.b64decode(encoded + b"=" * (-len(encoded) % 4), validate=True)
    except binascii.Error:
        raise ValueError("'auth' is not base64") from None
    username, colon, password = decoded.partition(b":")
    if not colon:
        raise ValueError("'auth' holds no colon between user name and password")
    return username.decode("utf-8", "surrogateescape"), password.decode("utf-8", "surrogateescape")

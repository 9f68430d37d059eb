# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE to the collection.
"""CA, client certificate and key as files that can be used, checked before the first connection."""

from __future__ import annotations

import atexit
import contextlib
import os
import ssl
import tempfile

from ansible_collections.pullpass.registry.plugins.module_utils._cluster.config import read_bytes
from ansible_collections.pullpass.registry.plugins.module_utils._errors import InputError
from ansible_collections.pullpass.registry.plugins.module_utils._text import is_plausible_path, no_path_words


def read_file(name: str, path: str) -> bytes:
    """What the file holds. It is opened once: a pipe that somebody puts in its place would be waited for.

    Raises InputError for what is not the path of a readable file. ``name`` is the option.
    """
    if not is_plausible_path(path) and not os.path.exists(path):
        raise InputError(no_path_words(name))
    return read_bytes(name, path)


def check_authority(name: str, path: str) -> None:
    """Raises InputError for a file without a CA certificate. ``name`` is where the path, or the content, is from."""
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cafile=path)
    except (OSError, ValueError):
        raise InputError(f"{name} holds no certificate in PEM form. Give the certificate of the cluster's CA.") from None


def check_pair(name: str, certificate: str, key: str) -> None:
    """Raises InputError for files that are not a certificate and its key without a password."""
    try:
        # a password, though a wrong one: without it, OpenSSL asks at the terminal
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_cert_chain(certificate, key, password=lambda: b"-")
    except (OSError, ValueError):
        raise InputError(
            f"{name} and its key cannot be used together. Give a certificate and its own key, both in PEM form, the key without "
            "a password."
        ) from None


def kept(content: bytes) -> str:
    """A file with this content that is removed with the process: libraries take TLS files by path only."""
    handle, path = tempfile.mkstemp(prefix="pullpass-")
    atexit.register(_remove, path)
    with os.fdopen(handle, "wb") as file:
        file.write(content)
    return path


def _remove(path: str) -> None:
    with contextlib.suppress(OSError):
        os.unlink(path)

# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE to the collection.
"""Why no answer of the API server came, in words: from the type of the exception and what the system says of it."""

from __future__ import annotations

import contextlib
import ssl
import typing as t

from ansible_collections.pullpass.registry.plugins.module_utils._credentials.redact import foreign_text

if t.TYPE_CHECKING:
    from collections.abc import Iterator

with contextlib.suppress(ImportError):  # reported by connect(), before anything here is used
    import urllib3


def is_untrusted(error: BaseException) -> bool:
    """Whether the certificate of the server, or its name, was not accepted."""
    mismatch = getattr(urllib3.util.ssl_match_hostname, "CertificateError", ssl.SSLCertVerificationError)
    return any(isinstance(one, (ssl.SSLCertVerificationError, mismatch)) for one in _chain(error))


def failure_words(error: BaseException, timeout: float) -> str:
    """One clause for a message. ``timeout``: the seconds that were waited."""
    if isinstance(error, urllib3.exceptions.ReadTimeoutError):
        return f"no answer within {timeout:g} s"
    if isinstance(error, urllib3.exceptions.ConnectTimeoutError) and not isinstance(error, urllib3.exceptions.NewConnectionError):
        return f"no connection within {timeout:g} s"
    causes = [one for one in _chain(error) if not isinstance(one, urllib3.exceptions.HTTPError)]
    if not causes:
        return f"{type(error).__name__}: {foreign_text(str(error))}"
    cause = causes[-1]
    if isinstance(cause, ssl.SSLCertVerificationError):
        return foreign_text(cause.verify_message or str(cause))
    if isinstance(cause, ssl.SSLError):
        return foreign_text(cause.reason or str(cause))
    if isinstance(cause, TimeoutError):
        return f"no answer within {timeout:g} s"
    if isinstance(cause, OSError):
        return foreign_text(cause.strerror or str(cause))
    return f"{foreign_text(str(cause))} ({type(cause).__name__})"


def _chain(error: BaseException) -> Iterator[BaseException]:
    """The exception and those within it: urllib3 keeps them as cause, context, argument or ``original_error``."""
    todo, seen = [error], set()
    while todo:
        one = todo.pop(0)
        if id(one) in seen:
            continue
        seen.add(id(one))
        yield one
        inner = [one.__cause__, one.__context__, getattr(one, "original_error", None), getattr(one, "reason", None), *one.args]
        todo += [found for found in inner if isinstance(found, BaseException)]

# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE to the collection.
"""Why no answer came, in words."""

from __future__ import annotations

import http.client
import socket
import ssl
import urllib.error

from ansible_collections.pullpass.registry.plugins.module_utils._credentials.redact import foreign_text
from ansible_collections.pullpass.registry.plugins.module_utils._registry.addresses import Forbidden
from ansible_collections.pullpass.registry.plugins.module_utils._registry.destination import origin_of
from ansible_collections.pullpass.registry.plugins.module_utils._text import shown, shown_url


class NoAnswer(Exception):
    """No answer came, or none that is HTTP. The message says why. ``refused``: it was not asked for, since it must not be."""

    def __init__(self, message: str, refused: bool = False) -> None:
        super().__init__(message)
        self.refused = refused


def no_answer(error: Exception, url: str, timeout: float) -> NoAnswer:
    """The NoAnswer for what opening ``url`` raised."""
    try:
        server = str(origin_of(url))
    except ValueError as fault:
        return NoAnswer(f"'{shown_url(url.partition('?')[0])}' cannot be asked: it has {fault}", refused=True)
    reason = error.reason if isinstance(error, urllib.error.URLError) and isinstance(error.reason, Exception) else error
    if isinstance(reason, Forbidden):
        return NoAnswer(f"{reason}. If that is right, add it to allow_addresses.", refused=True)
    return NoAnswer(f"{server} {_trouble(reason, timeout)}")


def _trouble(error: Exception, timeout: float) -> str:
    if isinstance(error, ValueError) and not isinstance(error, OSError):
        # a library refuses to send the request and repeats a part of it: a header with a credential, perhaps
        return f"cannot be asked: the request cannot be sent ({type(error).__name__}). Check host, port and credential."
    told = foreign_text(str(error))
    if isinstance(error, (socket.timeout, TimeoutError)):
        return f"did not answer within {timeout:g} seconds. Check network, firewall, proxy and DNS."
    if isinstance(error, ssl.SSLCertVerificationError):
        reason = foreign_text(error.verify_message)
        return f"has a certificate that is not trusted ({reason}). Give its CA as ca_cert, or mend the certificate."
    if isinstance(error, ssl.SSLError):
        return f"does not speak TLS as it should ({told}). If it is a registry without TLS, set plain_http."
    if isinstance(error, socket.gaierror):
        return f"has a name that cannot be resolved ({told}). Check the name of the registry, and DNS."
    if isinstance(error, ConnectionRefusedError):
        return "refuses connections: nothing listens there. Check host and port."
    if isinstance(error, http.client.HTTPException):
        return f"does not answer in HTTP ({shown(type(error).__name__)}: {told}). Check host and port."
    return f"cannot be reached: {told}. Check the address, the network and the proxy."

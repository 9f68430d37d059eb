# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Small real servers that play registries, token servers and proxies, good and hostile, and remember all they are sent.

They run in threads of the test itself, so that a test can look at what arrived. Fixtures are in `fixtures`; a test module
takes them with `pytest_plugins`.
"""

from .network import Names, Wire
from .proxy import RecordingProxy
from .recording import Answer, RecordingServer, Reply, Request, error
from .registry import DIGEST, Registry, TokenServer, basic, granting, jwt, login, manifest

__all__ = [
    "DIGEST",
    "Answer",
    "Names",
    "RecordingProxy",
    "RecordingServer",
    "Registry",
    "Reply",
    "Request",
    "TokenServer",
    "Wire",
    "basic",
    "error",
    "granting",
    "jwt",
    "login",
    "manifest",
]

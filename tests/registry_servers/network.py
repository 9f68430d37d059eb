# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Names that only a test knows, and a record of where its process connected to."""

from __future__ import annotations

import ipaddress
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Union

# an address, or one with a port that stands for the port asked for
Place = Union[str, "tuple[str, int]"]

_real_getaddrinfo = socket.getaddrinfo


class Names:
    """Stands for DNS: ``names[host]`` is a list of answers for one lookup after the other, the last one for all later ones.

    An answer is a list of places. Any other name does not exist; addresses, in whatever spelling, are left to the system.
    """

    def __init__(self) -> None:
        self._answers: dict[str, list[list[Place]]] = {}
        self.asked: list[str] = []

    def point(self, host: str, *places: Place) -> None:
        self._answers[host] = [list(places)]

    def change(self, host: str, *answers: Place) -> None:
        """Another answer for each lookup."""
        self._answers[host] = [[answer] for answer in answers]

    def getaddrinfo(self, host: Any, port: Any, *rest: Any, **options: Any) -> list[Any]:
        name = (host.decode() if isinstance(host, bytes) else host).lower()
        if name not in self._answers:
            if _is_address(name) or name == "localhost":
                return _real_getaddrinfo(host, port, *rest, **options)
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        self.asked.append(name)
        answers = self._answers[name]
        found = []
        for place in answers.pop(0) if len(answers) > 1 else answers[0]:
            address, target = place if isinstance(place, tuple) else (place, port)
            found += _real_getaddrinfo(address, target, type=socket.SOCK_STREAM)
        return found


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        try:
            socket.inet_aton(text)
        except (OSError, UnicodeError):
            return False
    return True


class Wire:
    """All addresses that this process connected to, or tried to."""

    def __init__(self) -> None:
        self.addresses: list[tuple[str, int]] = []

    @property
    def hosts(self) -> set[str]:
        return {address for address, _port in self.addresses}


_wires: list[Wire] = []


def _hear(event: str, arguments: Any) -> None:
    if event == "socket.connect" and _wires and isinstance(arguments[1], tuple):
        for wire in _wires:
            wire.addresses.append(arguments[1][:2])


# Python's own record of what it does; a hook cannot be removed again
sys.addaudithook(_hear)


@contextmanager
def listening() -> Iterator[Wire]:
    wire = Wire()
    _wires.append(wire)
    try:
        yield wire
    finally:
        _wires.remove(wire)

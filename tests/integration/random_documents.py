# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Random documents of pull secrets, as people, tools and accidents make them, with every secret value recognisable."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from random import Random

# stands in every secret value; its three base64 forms, one for each place where it may begin, are looked for as well
MARK = "Zauberwort"
_KEYS = (
    *("docker.io", "https://index.docker.io/v1/", "index.docker.io", "https://docker.io/v2/", "registry-1.docker.io"),
    *("registry.example.com:5000", "https://registry.example.com:5000/v2/", "HTTP://registry.example.com:5000"),
    *("quay.io/team", "quay.io", "quay.io/teamx", "http://quay.io/team", "*.example.com", "ghcr.io", "[::1]:5000"),
    *("", "/", "ü.example.com", "a\tb\u2028", "\ufffd", f"https://bot:{MARK}@x.example.com", f"{MARK}@ghcr.io/x@y"),
)
_SPACES = ("", "", "", " ", "\n", "\t ", "\r\n  ")
_BYTES = (b"", b"\xff", b"\xed\xa0\x80", b"\\", b'"', b"\0")
_NUMBERS = ("0", "-0.0", "1E400", "12345678901234567890123")


def marks() -> list[str]:
    """What may stand in no message."""
    forms = [base64.b64encode(b"\0" * shift + MARK.encode()).decode()[4 * (shift > 0) : -4] for shift in range(3)]
    return [MARK, *forms]


@dataclass(frozen=True)
class Made:
    """A document before anything was broken in it: what stands before its entries, each of these, and what stands after."""

    head: str
    members: tuple[tuple[str, str], ...]
    tail: str

    @property
    def text(self) -> str:
        return self.head + ",".join(piece for _key, piece in self.members) + self.tail


class Documents:
    def __init__(self, seed: int) -> None:
        self.random = Random(seed)

    def made(self) -> Made:
        """One that the kubelet reads."""
        space = self.space
        before = "".join(f"{space()}{self.member()}{space()}," for _count in range(self.random.randrange(3)))
        after = "".join(f"{space()},{space()}{self.member()}" for _count in range(self.random.randrange(3)))
        name = self.random.choice(('"auths"', '"Auths"', '"auth\\u0073"', '"auth\u017f"'))
        keys = [self.random.choice(_KEYS) for _count in range(self.random.randrange(6))]
        members = tuple((key, f"{space()}{self.string(key)}{space()}:{space()}{self.entry()}") for key in keys)
        head = f"{space()}{{{before}{space()}{name}{space()}:{space()}{{"
        return Made(head, members, f"{space()}}}{after}{space()}}}{space()}")

    def broken(self) -> bytes:
        """One with something wrong: a value of another kind, bytes changed, or the end missing."""
        text = self.made().text
        if self.random.random() < 0.4:
            old = self.random.choice(("{", '"', ":", ",", '"auth"', "}", "null", "[", '"username"'))
            new = self.random.choice(("[]", "5", "null", '{"auths":{"a":5}}', "", "{", '"x"', f'"{MARK}"', "NaN"))
            text = text.replace(old, new, self.random.randrange(1, 3))
        content = bytearray(text.encode())
        for _count in range(self.random.randrange(4)):
            if content:
                place = self.random.randrange(len(content))
                content[place : place + self.random.randrange(3)] = self.random.choice(_BYTES)
        if self.random.random() < 0.2:
            del content[self.random.randrange(len(content) + 1) :]
        if self.random.random() < 0.01:
            content[:0] = self.random.choice((b"\xef\xbb\xbf", b"[" * 12000, b'{"auths":' * 2000))
        return bytes(content)

    def space(self) -> str:
        return self.random.choice(_SPACES)

    def string(self, text: str) -> str:
        written = json.dumps(text, ensure_ascii=self.random.random() < 0.5)
        return written.replace("o", "\\u006f", 1).replace("/", "\\/") if self.random.random() < 0.2 else written

    def word(self) -> str:
        return f"{self.random.choice(('', 'x', 'xy', 'ü<', chr(34)))}{MARK}{self.random.randrange(9)}"

    def auth(self) -> str:
        user = self.random.choice(("bot", "ci+bot", "", "ü", "<token>"))
        encoded = base64.b64encode(f"{user}:{self.word()}".encode()).decode()
        return self.random.choice((encoded, encoded.rstrip("="), encoded[:8] + "\n" + encoded[8:]))

    def entry(self) -> str:
        """The value of a member of auths."""
        if self.random.random() < 0.1:
            return self.random.choice(("null", "{}", "{ }"))
        fields = {"auth": self.auth(), "username": "bot", "password": self.word(), "email": "a@b.example"}
        names = self.random.sample(list(fields), self.random.randrange(1, 5))
        members = [f"{self.space()}{self.string(name)}:{self.string(fields[name])}{self.space()}" for name in names]
        if self.random.random() < 0.3:
            members.append(self.member())
        return "{" + ",".join(members) + "}"

    def member(self) -> str:
        """A member that the kubelet does not know, or does not mind."""
        headers = f'"HttpHeaders" : {{"Authorization":"{MARK}"}}'
        store = '"credsStore": "desktop"'
        other = f"{self.string(self.random.choice(('x', 'credHelpers', 'proxies', 'auths2')))}:{self.space()}{self.value(3)}"
        return self.random.choice((headers, store, other, other))

    def value(self, depth: int) -> str:
        kind = self.random.randrange(6 if depth else 4)
        if kind == 4:
            return "[" + ",".join(self.value(depth - 1) for _count in range(self.random.randrange(3))) + self.space() + "]"
        if kind == 5:
            return "{" + ",".join(f'"k":{self.value(depth - 1)}' for _count in range(self.random.randrange(3))) + "}"
        return (self.string(self.word()), self.random.choice(_NUMBERS), "null", "true")[kind]

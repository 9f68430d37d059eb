# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Pull secrets and images as people, tools and attackers write them: most close to each other, so that they meet."""

from __future__ import annotations

import base64
import json
from random import Random

from ansible_collections.pullpass.registry.plugins.module_utils._credentials.keyring import PullSecret

from . import Case

CONFIG = ("kubernetes.io/dockerconfigjson", ".dockerconfigjson")
LEGACY = ("kubernetes.io/dockercfg", ".dockercfg")

_HOSTS = [
    *["docker.io", "index.docker.io", "reg.io", "a.reg.io", "reg.io:5000", "localhost", "localhost:5000", "A"] * 5,
    *["", "", "", "", "REG", "Reg.io", "r_g.io", "b.a.reg.io", "10.0.0.1:443", "[::1]", "[::1]:5000", "[ABC]", "[::a.b]"],
    *["reg.io:", "reg.io.", "-reg.io", "reg.io:x", "::1:5000", "reg-.io", "reg.io:99999999", "xn--rg-mia.io", "Docker.io"],
]
_PATHS = ["nginx", "library/nginx", "team/app", "team/app/x", "teamx/app", "v1/app", "v2/app", "a_b/c__d", "e---f", "v2"]
_BAD_PATHS = [
    *["", "/", "Team/app", "team//app", "team/", "a___b", ".a", "a.", "a..b", "é", "a b", "f" * 64],
    *("x" * size for size in (247, 248, 249, 255, 256)),
]
_TAGS = [":1", ":1", ":1", ":V.1-x_", ":latest", ":", ":-x", ":" + "t" * 128, ":" + "t" * 129, ":a/b", ":1:2", ":é", ":1\n"]
_DIGESTS = [
    *[""] * 70,
    *["@sha256:" + "a" * 64, "@sha512:" + "0" * 128, "@sha384:" + "9" * 96],
    *["@sha256:" + "A" * 64, "@SHA256:" + "a" * 64, "@sha256:" + "a" * 63, "@sha1:" + "a" * 40, "@", "@reg.io", "@sha256:"],
]
_IMAGE_FRONTS = [*[""] * 120, "https://", "u:p@", " ", "\t", "/", "docker://", "\ufeff"]
_SCHEMES = [
    *[*[""] * 30, *["https://"] * 10, "http://", "http://"],
    *["HTTPS://", "ftp://", "https:/", "//", " ", "https://https://"],
]
_USERS = [*[""] * 60, "u@", "u:p@", "u:p:q@", "a@b@", "u%40x@", "u%zz@", "u u@", "ü@", "u%@", "@", "[@"]
_VERSIONS = [*[""] * 30, *["/v1/", "/v2/"] * 3, "/v1/", "/v2/", "/v1", "/v2", "/v1/v2/", "/v3/", "//v1/", "/v1//"]
_ENDS = [
    *[*[""] * 90, "/", "/", "?x=1", "#y", "?%zz", "?a?b", "#a#b"],
    *["#%zz", "/*", "%2F", "%", "%2", "%zz", "\\", "\n", " ", "\x7f"],
]
_HOST_KEYS = [
    *["*", "*.*", "*.io", "*.*.*", "*:5000", "*.docker.io", "docker.*", "**", "r*g.io", "re*.*o", "*e*.io", "[r]eg.io", "reg.i?"],
    *["[::A]", "[::a]", "[::1%25eth0]:5000", "[::1%2525A-Z]", "[::1%2525A-z]::1]", "[1:2:3:4:5:6:7:8]", "[::1.2.3.4]"],
    *["[::1", "::1]", "[::1]x", "[]", "[::G]", "[1::2::3]", "[10.0.0.1]", "reg.io:5000:6", "reg%2Eio", "r%C3%A9g.io", "%72eg.io"],
    *["reg.io:%35", "reg\\.io", "", "registry-1.docker.io", "index.docker.io:", "x]", "<reg.io>", "*0*0*0*"],
    *["[::]", "[::1%25]", "[::1%25%5b]", "[::1%2525*]", "[::1%2525\ufffd-A]", "[::1%2525a-]"],
    *["[::1%25a%20b]:5000", "[::%2525-Z]", "reg%25io", "[::1]]"],
]
_NAMES = {
    "auth": ["auth"] * 6 + ["Auth", "AUTH", "authorization"],
    "username": ["username"] * 6 + ["Username", "u\u017fername", "user"],
    "password": ["password"] * 6 + ["PASSWORD", "pa\u017f\u017fword", "passw\u00f6rd"],
    "email": ["email"] * 6 + ["Email", "emai\u0131l"],
    "identitytoken": ["identitytoken", "registrytoken", "provider"],
}
_AUTHS = [
    *["dTpwYQ==", "dTpwYg==", "djp3", "YTpiOmM=", "dTpwYQ"] * 5,
    *["dTpwYQ==\\n", "dT\\r\\npwYQ==", "dTpwYQ=\\n=", "\\u0064TpwYQ=="],
    *["dTo=", "OnRvaw==", "Og==", "", "dTpwYR==", "dTr/", "dToA"],
    *["dTpwYQ=", "dTpwYQ===", " dTpwYQ==", "dTpwYQ== ", "dTp-_w==", " ", "ü", "dTpwY", "=", "dTpwYQ==dTpw", "\\u00a0"],
    *["bm9jb2xvbg==", "\\n", "dQ"],
]
_ODD_VALUES = ["null", "null", "1", "1e400", "true", "[]", "{}", '["x"]', '""', '"x"', "[[]]", '{"a": null}']
_HEADERS = ["null", "{}", '{"a": "b"}', '{"a": null}', '{"a": 1}', "[]", "5", '"x"', '{"a": {"b": "c"}}']
_BROKEN = [
    *[b"", b" ", b"null", b"[]", b'"x"', b"1", b"{", b"{}{}", b"{}\n", b"\xef\xbb\xbf{}", b'{"auths":{},}', b"not json", b"nul"],
    *[b'{"auths":NaN}', b'{"auths":{"a":{"auth":01}}}', b"{'auths':{}}", b'{"auths":{"a\nb":{}}}', b"{}\0", b'{"auths":[]}'],
    *[b'{"a":' + b"[" * depth + b"]" * depth + b"}" for depth in (9_999, 10_000)],
    *[b"[" * 10_000 + b"]" * 10_000, b"[" * 10_001 + b"]" * 10_001],
]
_DAMAGE = [b"\xff", b"\xed\xa0\x80", b"\x00", b"\\", b'"', b"}", b",", b"\\ud800", b"\\ud83d\\ude00", b"\xe2\x82"]


def random_case(random: Random) -> Case:
    """One to three Secrets and an image; most keys are near the image."""
    host, path, image = _image(random)
    made = [_secret(random, host, path) for _number in range(random.choice([1, 1, 1, 2, 2, 3]))]
    secrets = [PullSecret(f"secret-{number}", type_, data) for number, (type_, data) in enumerate(made)]
    return Case(secrets, image)


def _once_in(random: Random, times: int) -> bool:
    return random.randrange(times) == 0


def _image(random: Random) -> tuple[str, str, str]:
    """A host, a path, and the image made of them."""
    host = random.choice(_HOSTS)
    path = random.choice(_BAD_PATHS if _once_in(random, 20) else _PATHS)
    end = (random.choice(_TAGS) if _once_in(random, 8) else "") + random.choice(_DIGESTS)
    image = random.choice(_IMAGE_FRONTS) + (f"{host}/" if host else "") + path + end
    return host, path, _altered(random, image) if _once_in(random, 20) else image


def _key(random: Random, host: str, path: str) -> str:
    """A key of `auths` for this image, or near it."""
    kind = random.randrange(12)
    if kind < 6:
        place = host or random.choice(["docker.io", "index.docker.io"])
    elif kind < 8:
        place = _starred(random, host or "docker.io")
    else:
        near = ["[::A]", "[::1%2525A-Z]"] if host == "A" else [_altered(random, host), _junk(random)]
        place = random.choice([_HOSTS, _HOST_KEYS, ["index.docker.io"], near][kind - 8])
    parts = path.split("/")
    inner = "/".join(["", *parts[: random.randint(0, len(parts))]]) if _once_in(random, 2) else ""
    front = random.choice(_SCHEMES) + random.choice(_USERS)
    key = front + place + random.choice(_VERSIONS) + inner + random.choice(_ENDS)
    return _altered(random, key) if _once_in(random, 6) else key


def _junk(random: Random) -> str:
    """Characters that mean something in a URL."""
    return "".join(random.choices("[]:%250*@/?#.-Aa1f \\<\u00e9", k=random.randint(1, 12)))


def _starred(random: Random, host: str) -> str:
    """Some labels as globs."""
    labels = host.split(".")
    for number, label in enumerate(labels):
        start, end = sorted((random.randint(0, len(label)), random.randint(0, len(label))))
        labels[number] = random.choice(
            [label, "*", f"{label[:start]}*{label[end:]}", f"{label[:end]}*{label[start:]}", f"{label[:start]}*{label[start:]}*"]
        )
    return ".".join(labels)


def _altered(random: Random, text: str) -> str:
    """One character as an escape (once or twice), a star, in the other case, twice or gone."""
    if not text:
        return "*"
    place = random.randrange(len(text))
    char = text[place]
    code = "".join(f"%{byte:02x}" for byte in char.encode())
    twice = code.replace("%", "%25")
    likely = [code, twice] * 3
    other = random.choice([*likely, "*", char.swapcase(), char * 2, "", f"*{char}", "\u00e9", "%3F", "%23", "\0"])
    return text[:place] + other + text[place + 1 :]


def _entry(random: Random) -> str:
    """The JSON text of an entry."""
    kind = random.randrange(40)
    if kind < 32:
        return f'{{"auth": "{random.choice(_AUTHS if kind == 0 else _AUTHS[:36])}"}}'
    if kind == 32:
        return random.choice(_ODD_VALUES)
    members = []
    for name in random.choices([*_NAMES, "auth", "auth"], k=random.randint(0, 4)):
        value = random.choice(_ODD_VALUES) if _once_in(random, 15) else f'"{random.choice(_AUTHS)}"'
        members.append(f"{json.dumps(random.choice(_NAMES[name]), ensure_ascii=False)}: {value}")
    return f"{{{', '.join(members)}}}"


def _entries(random: Random, host: str, path: str) -> str:
    """The JSON text of registries and their entries."""
    keys = [_key(random, host, path) for _number in range(random.randint(1, 4))]
    if _once_in(random, 10):
        keys.append(keys[0])
    members = [f"{json.dumps(key, ensure_ascii=_once_in(random, 2))}: {_entry(random)}" for key in keys]
    return f"{{{', '.join(members)}}}"


def _document(random: Random, host: str, path: str, legacy: bool) -> bytes:
    """A document, perhaps damaged at one place."""
    kind = random.randrange(40)
    if kind == 0:
        return random.choice(_BROKEN)
    text = _entries(random, host, path)
    if not legacy or kind == 1:
        members = [f'"auths": {text}']
        if kind in (2, 3):
            name = random.choice(["auths", "Auths", "auth\u017f", "AUTHS"])
            other = random.choice(_ODD_VALUES) if _once_in(random, 2) else _entries(random, host, path)
            members.insert(random.randint(0, 1), f'"{name}": {other}')
        if kind in (3, 4):
            header = random.choice(["HttpHeaders", "httpheaders", "Http\u017f"])
            members.insert(random.randint(0, 1), f'"{header}": {random.choice(_HEADERS)}')
        if kind == 5:
            members.append(f'"{random.choice(["credsStore", "credHelpers", "auth"])}": {random.choice(_ODD_VALUES)}')
        text = f"{{{', '.join(members)}}}"
    document = text.encode()
    if kind in (6, 7):
        place = random.randint(0, len(document))
        document = document[:place] + random.choice(_DAMAGE) + document[place + random.randint(0, 1) :]
    return document


def _secret(random: Random, host: str, path: str) -> tuple[str, dict[str, bytes]]:
    """Type and data."""
    kind = random.randrange(16)
    type_, name = LEGACY if kind < 3 else CONFIG
    document = _document(random, host, path, legacy=kind < 3)
    if kind == 3:
        types = [("Opaque", name), (type_, LEGACY[1]), (LEGACY[0], name), ("", name), (type_.upper(), name)]
        type_, name = random.choice(types)
    return type_, {name: document, "other": b"x"}


def case(image: str, *documents: dict[str, object] | list[str] | str, legacy: bool = False) -> Case:
    """A case of a table: each document a list of keys (user name: the key), an `auths` mapping, or a text."""
    type_, key = LEGACY if legacy else CONFIG
    made = []
    for number, document in enumerate(documents):
        if isinstance(document, list):
            document = {one: {"auth": base64.b64encode(f"{one.replace(':', '_')}:pw".encode()).decode()} for one in document}
        if not isinstance(document, str):
            document = json.dumps(document if legacy else {"auths": document})
        made.append(PullSecret(f"secret-{number}", type_, {key: document.encode("utf-8", "surrogateescape")}))
    return Case(made, image)

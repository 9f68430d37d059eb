# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE to the collection.
"""Why an image does not come, in words: what the kubelet says, put together with what is known of the Pod's Secrets. Pure."""

from __future__ import annotations

import re
import typing as t
from dataclasses import dataclass

from .._cluster.validation import is_name
from .._credentials.image_reference import parse_image
from .._credentials.redact import foreign_text
from .._credentials.registry_key import shown_key
from .._credentials.shown import shown_image, shown_username
from .._errors import InputError
from .._text import listed, shown

if t.TYPE_CHECKING:
    from collections.abc import Callable

    from .._credentials.keyring import Keyring, Match
    from .snapshot import FoundPod, StuckContainer


DENIED, NOT_FOUND, HELD_BACK = "denied", "not found", "held back"
INVALID, NEVER, UNREADABLE, UNKNOWN, SILENT = "invalid name", "never pulled", "unreadable Secret", "unknown", "no reason given"


def _status(codes: str) -> str:
    """An HTTP status, and no number that an image's name or an address has in it."""
    return rf"(?:status[^0-9]{{0,40}}|\bHTTP )(?:{codes})\b"


# what containerd and CRI-O write, the more particular first: a token server's 429 is reported beside "authorize"
_KINDS = (
    (HELD_BACK, r"pull QPS exceeded"),
    ("rate limited", _status("429") + r"|toomanyrequests|too many requests|pull rate limit"),
    ("TLS", r"x509:|tls: |server gave HTTP response to HTTPS client|certificate (?:signed|has|is|verif)"),
    ("DNS", r"no such host|server misbehaving|name resolution|lookup \S+(?: on \S+)?: "),
    (
        "unreachable",
        _status("50[0234]") + r"|50[0234] (?:Internal Server Error|Bad Gateway|Service \w*\s?Unavailable|Gateway Time-?out)"
        r"|connection refused|connection reset|i/o timeout|no route to host|network is unreachable|deadline exceeded|proxyconnect"
        r"|Client\.Timeout|unexpected EOF",
    ),
    (
        DENIED,
        _status("40[13]") + r"|unauthorized|403 Forbidden|denied|insufficient_scope|authorization failed"
        r"|no basic auth credentials|authentication required|failed to authorize",
    ),
    (NOT_FOUND, _status("404") + r"|code = NotFound|not found|manifest unknown|name unknown"),
    ("no space", r"no space left on device"),
)
_KNOWN = tuple((kind, re.compile(pattern, re.IGNORECASE)) for kind, pattern in _KINDS)
_URL = re.compile(r"(?:docker|https?)://[^\s\"]*[^\s\":]")
_BACK_OFF = re.compile(r"Back-off pulling image \"[^\"]*\"(?:: )?")
_WORDS = {
    "rate limited": "rate limited: the registry takes no more pulls for a while (429). Wait, or pull with an account of its own",
    "TLS": "TLS: the node does not trust the registry's certificate, or the registry speaks plain http",
    "DNS": "DNS: the node finds no address for the registry's name. Check the name in the image and the node's DNS",
    "unreachable": "registry not reachable from the node, or failing. Check network, proxy and the registry",
    HELD_BACK: "held back: the kubelet did not even try, since it pulls only so many images at a time (registryPullQPS)",
    "no space": "no space left on the node for the image",
}


@dataclass(frozen=True)
class PodSecrets:
    """The pull secrets of one Pod: names of those that are missing and of those of a wrong type, and what the rest gives.

    ``keys`` are those of all documents. ``unknown`` says why something of this could not be read. ``linked`` are the
    pull secrets of its ServiceAccount. ``expired`` tells since when a credential has expired, or an empty text.
    """

    missing: tuple[str, ...]
    wrong_type: tuple[str, ...]
    keyring: Keyring
    keys: tuple[str, ...]
    unknown: str
    linked: tuple[str, ...]
    expired: Callable[[Match], str]


def cause(pod: FoundPod, container: StuckContainer, secrets: PodSecrets) -> str:
    """What is in the way and what to do, in one or two sentences."""
    if container.reason == "InvalidImageName":
        return _invalid(container.image)
    if container.reason == "ErrImageNeverPull":
        return (
            "the image is not on the node (or this Pod's credentials were never proved for it there), and its pull policy is "
            "Never. Load it onto the node, or set another policy."
        )
    if " " in container.reason:
        return _unreadable(secrets) or (
            "unreadable Secret, when the kubelet last looked: now they can be read. It starts by itself soon."
            if not secrets.unknown
            else f"unreadable Secret: the kubelet cannot read one of {_names(pod.pull_secrets)}. {secrets.unknown}"
        )
    kind = _kind(_without_names(container))
    if kind in _WORDS and kind != HELD_BACK:
        return f"{_WORDS[kind]}. {said(container.message)}"
    if kind == NOT_FOUND:
        return _not_found(container, secrets)
    known = _unreadable(secrets) or _of_secrets(pod, container, secrets, kind == DENIED)
    if kind == DENIED:
        return known
    # nothing but the back-off is told: what is wrong with the Secrets is the likely cause
    if kind == HELD_BACK:
        return known or f"{_WORDS[kind]}. It tries again soon."
    return known if known and not _detail(container.message) else f"unknown. {said(container.message)}"


def kind_of(container: StuckContainer) -> str:
    """What the kubelet says is in the way: one of the constants here, or a kind of network trouble as it is called there.

    SILENT: it tells of nothing but its back-off.
    """
    if container.reason == "InvalidImageName":
        return INVALID
    if container.reason == "ErrImageNeverPull":
        return NEVER
    if " " in container.reason:
        return UNREADABLE
    kind = _kind(_without_names(container))
    return kind or (UNKNOWN if _detail(container.message) else SILENT)


def matching(image: str, secrets: PodSecrets) -> list[Match]:
    """The credentials with a user name and a password that the kubelet would try, none where it cannot read the Secrets."""
    return [one for one in _matches(image, secrets) or [] if one.username and one.password]


def _kind(message: str) -> str | None:
    return next((kind for kind, pattern in _KNOWN if pattern.search(message)), None)


def _without_names(container: StuckContainer) -> str:
    """The message without the image's names and tag, whose digits and words are no answer of a registry's."""
    names, patterns = {container.image}, [f'"{re.escape(container.image)}"']
    try:
        reference = parse_image(container.image)
    except InputError:
        pass
    else:
        names |= {str(reference), reference.name, reference.repository, reference.registry}
        tag = re.escape(reference.tag or "latest")
        patterns += [rf"reading manifest {tag} in\b", rf"\[manifests {tag}\]"]
    # a name that is but one word may be a word of the answer as well
    longest_first = sorted((name for name in names if re.search(r"[./:@]", name)), key=len, reverse=True)
    patterns += map(re.escape, longest_first)
    return re.sub("|".join(patterns), "...", _URL.sub("...", container.message))


def _detail(message: str) -> str:
    """The message without what every back-off says."""
    return _BACK_OFF.sub("", message)


def said(message: str) -> str:
    """The end of a message, which is where the error is. Queries of URLs may hold a user name, and that may be a token."""
    flat = re.sub(r"\?[^\s\"]*", "?...", message)
    flat = re.sub(r"//[^/\s@\"]*@", "//(hidden)@", flat)
    if not flat:
        return "The kubelet gives no reason: look at the events of the Pod."
    flat = foreign_text(flat, len(flat) + 100)
    return "The kubelet says: " + (flat if len(flat) <= 240 else f"...{flat[-236:]}")


def _invalid(image: str) -> str:
    try:
        parse_image(image)
    except InputError as error:
        return f"invalid image name: {error}"
    return "invalid image name, by the kubelet of this node. Correct it."


def _not_found(container: StuckContainer, secrets: PodSecrets) -> str:
    told = f"image not found: the registry has no '{shown_image(container.image)}'. Check repository and tag"
    matches = _matches(container.image, secrets)
    if matches == [] and not secrets.unknown:
        return f"{told}. No credential of the Pod matches it, and some registries say so of what they hide from strangers."
    return f"{told}."


def _unreadable(secrets: PodSecrets) -> str:
    problems = [f"Secret {shown(one.secret)} {one.problem}" for one in secrets.keyring.problems]
    if not problems:
        return ""
    return f"unreadable Secret: {_joined(problems)}. The kubelet then uses none of the Pod's Secrets. Write it anew."


def _of_secrets(pod: FoundPod, container: StuckContainer, secrets: PodSecrets, denied: bool) -> str:
    """What the Secrets tell, given that the registry wants a credential (``denied``) or that nothing is known of its answer."""
    matches = _matches(container.image, secrets) or []
    real = [one for one in matches if one.username and one.password]
    if real and denied:
        return _refused(real, secrets)
    told = _absent(pod, secrets)
    if told:
        return told
    if secrets.unknown:
        return f"credential missing or refused; which one is not known: {secrets.unknown}"
    if real:
        return ""
    if matches:
        first = matches[0]
        return (
            f"no credential: entry '{shown_key(first.key)}' of Secret {shown(first.secret)} matches the image, but has no "
            "user name or no password. Write it anew."
        )
    return (
        f"no credential matches this image: its Secrets have {_keys(secrets)}. Add its registry, written as in the image, to one "
        "of them."
    )


def _absent(pod: FoundPod, secrets: PodSecrets) -> str:
    if not pod.pull_secrets:
        account = f"ServiceAccount {shown(pod.account)}"
        if secrets.linked:
            return (
                f"no pull secret: the Pod was admitted before its ServiceAccount was linked ({account} has "
                f"{listed(secrets.linked, 3)}). Replace it."
            )
        if secrets.unknown:
            return f"no pull secret: the Pod has none. {secrets.unknown}"
        return f"no pull secret: neither the Pod nor its {account} names one. Link one, then replace the Pod."
    if secrets.missing:
        impossible = [name for name in secrets.missing if not is_name("secrets", name)]
        if impossible:
            return (
                f"missing Secret: no Secret can have the name {listed(impossible, 3)} in its imagePullSecrets. "
                "Correct it where the Pod is defined."
            )
        one = len(secrets.missing) == 1
        return (
            f"missing Secret: {listed(secrets.missing, 3)} {'does' if one else 'do'} not exist in namespace {pod.namespace}. "
            f"Create {'it' if one else 'them'}; the Pod then starts by itself."
        )
    if secrets.wrong_type:
        return f"wrong Secret: {listed(secrets.wrong_type, 3)} is of a type that the kubelet passes over."
    return ""


def _refused(matches: list[Match], secrets: PodSecrets) -> str:
    tried = [
        f"user {shown_username(one.username, one.password)} (entry '{shown_key(one.key)}' of Secret {shown(one.secret)}"
        f"{secrets.expired(one)})"
        for one in matches
    ]
    return (
        f"credential refused: the registry does not let {_joined(tried)} pull this image. Check password, expiry and the "
        "rights of that user; once the Secret is right the Pod starts by itself."
    )


def _joined(texts: list[str], most: int = 3) -> str:
    first = ", ".join(texts[:most])
    return first if len(texts) <= most else f"{first} and {len(texts) - most} more"


def _matches(image: str, secrets: PodSecrets) -> list[Match] | None:
    """The credentials that are tried; None where the kubelet gets as far as that with no image of this name."""
    try:
        return secrets.keyring.lookup(parse_image(image))
    except (InputError, ValueError):
        return None


def _keys(secrets: PodSecrets) -> str:
    keys = [shown_key(key) for key in secrets.keys]
    return listed(keys, 5) if keys else "no entry at all"


def _names(names: tuple[str, ...]) -> str:
    return listed(names, 3) or "its Secrets"

# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE to the collection.
"""Why a container cannot pull its image: the kubelet's message, explained with the Pod's Secrets. Pure."""

from __future__ import annotations

import re
import typing as t
from functools import lru_cache

from .._cluster.validation import is_name
from .._credentials.credential import shown_username
from .._credentials.image_reference import parse_image
from .._credentials.redact import foreign_text
from .._credentials.registry_key import shown_key
from .._errors import InputError
from .._text import listed, shown, shown_image

if t.TYPE_CHECKING:
    from .._credentials.keyring import Match
    from .pod_secrets import PodSecrets
    from .snapshot import PodSnapshot, StuckContainer


# kinds of failure
PULL_DENIED, IMAGE_NOT_FOUND, PULL_HELD_BACK, PULLS_LIMITED = "denied", "not found", "held back", "rate limited"
INVALID_IMAGE, NEVER_PULLED, UNREADABLE_SECRET = "invalid name", "never pulled", "unreadable Secret"
UNKNOWN_FAILURE, NO_REASON_GIVEN = "unknown", "no reason given"
# a message of an earlier attempt explains more than these
UNEXPLAINED = (NO_REASON_GIVEN, PULL_HELD_BACK)


def _status(codes: str) -> str:
    """A pattern for an HTTP status that does not match a number in an image's name or in an address."""
    return rf"(?:status[^0-9]{{0,40}}|\bHTTP )(?:{codes})\b"


# What containerd and CRI-O write, the most specific first: the message about a token server's 429 has the word "authorize" too
_KINDS = (
    (PULL_HELD_BACK, r"pull QPS exceeded"),
    (PULLS_LIMITED, _status("429") + r"|toomanyrequests|too many requests|pull rate limit"),
    ("TLS", r"x509:|tls: |server gave HTTP response to HTTPS client|certificate (?:signed|has|is|verif)"),
    ("DNS", r"no such host|server misbehaving|name resolution|lookup \S+(?: on \S+)?: "),
    (
        "unreachable",
        _status("50[0234]") + r"|50[0234] (?:Internal Server Error|Bad Gateway|Service \w*\s?Unavailable|Gateway Time-?out)"
        r"|connection refused|connection reset|i/o timeout|no route to host|network is unreachable|deadline exceeded|proxyconnect"
        r"|Client\.Timeout|unexpected EOF",
    ),
    (
        PULL_DENIED,
        _status("40[13]") + r"|unauthorized|403 Forbidden|denied|insufficient_scope|authorization failed"
        r"|no basic auth credentials|authentication required|failed to authorize",
    ),
    (IMAGE_NOT_FOUND, _status("404") + r"|code = NotFound|not found|manifest unknown|name unknown"),
    ("no space", r"no space left on device"),
)
_KNOWN = tuple((kind, re.compile(pattern, re.IGNORECASE)) for kind, pattern in _KINDS)
_URL = re.compile(r"(?:docker|https?)://[^\s\"]*[^\s\":]")
_BACK_OFF = re.compile(r"Back-off pulling image \"[^\"]*\"(?:: )?")
_EXPLANATIONS = {
    PULLS_LIMITED: "rate limited: the registry accepts no more pulls for now (429). Wait, or pull with an account of your own",
    "TLS": "TLS: the node does not trust the registry's certificate, or the registry speaks plain HTTP",
    "DNS": "DNS: the node cannot resolve the registry's name. Check the name in the image and the node's DNS",
    "unreachable": "registry not reachable from the node, or failing. Check network, proxy and the registry",
    PULL_HELD_BACK: "held back: the kubelet has not tried yet, because it limits its pulls per second (registryPullQPS)",
    "no space": "no space left on the node for the image",
}


def cause(pod: PodSnapshot, container: StuckContainer, secrets: PodSecrets) -> str:
    """What is wrong and what to do, in one or two sentences."""
    kind = kind_of(container)
    if kind == INVALID_IMAGE:
        return _invalid(container.image)
    if kind == NEVER_PULLED:
        return (
            "the image is not on the node (or the node has no record that this Pod's credentials can pull it), and its pull "
            "policy is Never. Load it onto the node, or set another policy."
        )
    if kind == UNREADABLE_SECRET:
        return _unreadable(secrets) or _was_unreadable(pod, secrets)
    if kind in _EXPLANATIONS and kind != PULL_HELD_BACK:
        return f"{_EXPLANATIONS[kind]}. {kubelet_message(container.message)}"
    if kind == IMAGE_NOT_FOUND:
        return _not_found(container, secrets)
    known = _unreadable(secrets) or _secrets_cause(pod, container, secrets, kind == PULL_DENIED)
    if kind == PULL_DENIED:
        return known
    if kind == PULL_HELD_BACK:
        return known or f"{_EXPLANATIONS[kind]}. It tries again soon."
    # The status reports the back-off only: what is wrong with the Secrets is the likely cause
    return known if known and kind == NO_REASON_GIVEN else f"unknown. {kubelet_message(container.message)}"


@lru_cache(maxsize=4096)
def kind_of(container: StuckContainer) -> str:
    """The kind of failure: a constant, or a name of ``_KINDS``. NO_REASON_GIVEN: the kubelet reports its back-off only."""
    if container.reason == "InvalidImageName":
        return INVALID_IMAGE
    if container.reason == "ErrImageNeverPull":
        return NEVER_PULLED
    if container.has_unreadable_secret:
        return UNREADABLE_SECRET
    message = _without_names(container)
    kind = next((kind for kind, pattern in _KNOWN if pattern.search(message)), None)
    return kind or (UNKNOWN_FAILURE if _BACK_OFF.sub("", container.message) else NO_REASON_GIVEN)


def _without_names(container: StuckContainer) -> str:
    """The message without the image's names and tag: their digits and words do not come from the registry."""
    names, patterns = {container.image}, [f'"{re.escape(container.image)}"']
    try:
        reference = parse_image(container.image)
    except InputError:
        pass
    else:
        names |= {str(reference), reference.name, reference.repository, reference.registry}
        tag = re.escape(reference.tag or "latest")
        patterns += [rf"reading manifest {tag} in\b", rf"\[manifests {tag}\]"]
    # a name of one word may be a word of the answer too
    longest_first = sorted((name for name in names if re.search(r"[./:@]", name)), key=len, reverse=True)
    patterns += map(re.escape, longest_first)
    return re.sub("|".join(patterns), "...", _URL.sub("...", container.message))


def kubelet_message(message: str) -> str:
    """The end of a message, where the error is. Queries of URLs may hold a user name, which may be a token."""
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
    return "invalid image name: the kubelet of this node rejects it. Correct it."


def _was_unreadable(pod: PodSnapshot, secrets: PodSecrets) -> str:
    if secrets.unknown:
        names = listed(pod.pull_secrets, 3) or "its Secrets"
        return f"unreadable Secret: the kubelet cannot read one of {names}. {secrets.unknown}"
    return "unreadable Secret at the kubelet's last try: all are readable now. The Pod starts by itself soon."


def _not_found(container: StuckContainer, secrets: PodSecrets) -> str:
    text = f"image not found: the registry has no '{shown_image(container.image)}'. Check repository and tag"
    if secrets.matches(container.image) == [] and not secrets.unknown:
        return f"{text}. No credential of the Pod matches it, and some registries answer so for images that need a credential."
    return f"{text}."


def _unreadable(secrets: PodSecrets) -> str:
    problems = [f"Secret {shown(one.secret)} {one.problem}" for one in secrets.keyring.problems]
    if not problems:
        return ""
    return f"unreadable Secret: {_joined(problems)}. The kubelet then uses none of the Pod's Secrets. Write this Secret again."


def _secrets_cause(pod: PodSnapshot, container: StuckContainer, secrets: PodSecrets, denied: bool) -> str:
    """What is wrong with the Secrets. ``denied``: the registry demands a credential; else its answer is not known."""
    matches, complete = secrets.matches(container.image), secrets.logins(container.image)
    if complete and denied:
        return _refused(complete, secrets)
    absent = _absent(pod, secrets)
    if absent:
        return absent
    if secrets.unknown:
        return f"credential missing or refused, not known which: {secrets.unknown}"
    if complete:
        return ""
    if matches:
        first = matches[0]
        return (
            f"no credential: entry '{shown_key(first.key)}' of Secret {shown(first.secret)} matches the image, but lacks "
            "a user name or a password. Write the entry again."
        )
    keys = listed([shown_key(key) for key in secrets.keyring.keys], 5) or "no entry"
    return (
        f"no credential matches this image: its Secrets have {keys}. Add its registry, written as in the image, to one of them."
    )


def _absent(pod: PodSnapshot, secrets: PodSecrets) -> str:
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
        return f"wrong Secret: {listed(secrets.wrong_type, 3)} is of a type that the kubelet ignores."
    return ""


def _refused(matches: list[Match], secrets: PodSecrets) -> str:
    tried = []
    for one in matches:
        expired = secrets.expired_at(one)
        place = f"entry '{shown_key(one.key)}' of Secret {shown(one.secret)}" + (f", expired at {expired}" if expired else "")
        tried.append(f"user {shown_username(one.username, one.password)} ({place})")
    return (
        f"credential refused: the registry does not let {_joined(tried)} pull this image. Check password, expiry and the "
        "rights of that user. The Pod starts by itself when the Secret is right."
    )


def _joined(texts: list[str], most: int = 3) -> str:
    first = ", ".join(texts[:most])
    return first if len(texts) <= most else f"{first} and {len(texts) - most} more"

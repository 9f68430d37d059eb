# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE to the collection.
"""What a person handed in where a docker config.json belongs: sentences that continue the name of the option. Pure."""

from __future__ import annotations

import base64
import binascii
import re
import typing as t

if t.TYPE_CHECKING:
    from ansible_collections.pullpass.registry.plugins.module_utils._credentials.json_text import Node

_KIND = re.compile(r"^kind:[ \t]*[\"']?(?P<kind>[A-Za-z]{1,40})[\"']?[ \t]*$", re.MULTILINE)
_PATH = re.compile(r"(~|\.{0,2}/)\S{1,4095}")
_MEMBERS = ("auths", "credHelpers", "credsStore", "HttpHeaders")


def no_json(text: str, error: str) -> str:
    """``text`` is not JSON, for the reason ``error``."""
    if text.startswith("\ufeff"):
        return "begins with a byte order mark, which JSON does not allow. Save it as UTF-8 without a byte order mark."
    kind = _KIND.search(text)
    if kind and "apiVersion:" in text:
        return _manifest(kind["kind"])
    if _is_base64_of_json(text):
        return "is base64 of JSON, as a Secret holds it. Decode it first: base64 -d, or the filter b64decode."
    if _PATH.fullmatch(text.strip()):
        return "is a path, not a docker config.json. Give a path in config_file."
    return f"is not JSON ({error}). Expected a docker config.json."


def other_document(root: Node) -> str:
    """``root`` is an object; empty where it may be a docker config.json."""
    members = dict(root.members)
    if "kind" in members and "apiVersion" in members:
        return _manifest(members["kind"].string or "object")
    if not any(name in members for name in _MEMBERS) and any(_is_entry(node) for node in members.values()):
        return "is a legacy .dockercfg: its entries stand outside of 'auths'. Write them as {\"auths\": {...}}."
    return ""


def _manifest(kind: str) -> str:
    if kind == "Secret":
        return (
            "is the manifest of a Secret, not a docker config.json. Give what is in its data under .dockerconfigjson, decoded "
            "from base64, or name a Secret of the cluster in from_secret."
        )
    return f"is a Kubernetes manifest of kind {kind}, not a docker config.json."


def _is_entry(node: Node) -> bool:
    return any(name in ("auth", "username") and value.kind == "string" for name, value in node.members)


def _is_base64_of_json(text: str) -> bool:
    compact = "".join(text[:400].split())
    try:
        return base64.b64decode(compact[: len(compact) // 4 * 4], validate=True).lstrip().startswith(b"{")
    except (binascii.Error, ValueError):
        return False

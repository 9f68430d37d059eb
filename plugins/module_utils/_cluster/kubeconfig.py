# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE to the collection.
"""Kubeconfig files merged as kubectl merges them, and the TLS files that they name.

client-go tools/clientcmd: loader.go for the merge, validation.go for what is refused.
"""

from __future__ import annotations

import atexit
import base64
import contextlib
import os
import ssl
import tempfile
import typing as t
from dataclasses import dataclass

from .._errors import InputError
from .._text import is_plausible_path, listed, no_path_words, shown, shown_path

if t.TYPE_CHECKING:
    from collections.abc import Sequence


try:
    import yaml
except ImportError as error:  # reported by connect(), before anything here is used
    MISSING_YAML: ImportError | None = error
else:
    MISSING_YAML = None
_MOST_BYTES = 16 * 1024 * 1024
# PyYAML raises these as well: for dates that do not exist, deep nesting, unusual tags
_UNREADABLE = (ValueError, TypeError, KeyError, AttributeError, OverflowError, RecursionError)


@dataclass(frozen=True)
class KubeconfigEntry:
    """The fields of one cluster or of one user. ``where`` is the beginning of each message, ``folder`` that of its file."""

    where: str
    fields: dict[str, t.Any]
    folder: str

    def text(self, name: str) -> str:
        """Empty if the field is absent. Raises InputError, without the value, for another type."""
        value = self.fields.get(name)
        if value is None:
            return ""
        if not isinstance(value, str):
            raise InputError(f"{self.where}: {name} is not text. Put its value in quotes.")
        return value

    def switch(self, name: str) -> bool:
        value = self.fields.get(name)
        if value is not None and not isinstance(value, bool):
            raise InputError(f"{self.where}: {name} is not true or false. Write it without quotes.")
        return bool(value)

    def texts(self, name: str) -> list[str]:
        value = self.fields.get(name)
        if value is None:
            return []
        if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
            raise InputError(f"{self.where}: {name} is not a list of texts.")
        return value

    def part(self, name: str) -> KubeconfigEntry | None:
        """A mapping in it, null if it is absent."""
        value = self.fields.get(name)
        if value is None:
            return None
        if not isinstance(value, dict):
            raise InputError(f"{self.where}: {name} is not a mapping.")
        return KubeconfigEntry(f"{self.where}: {name}", value, self.folder)

    def path(self, name: str) -> str:
        """The absolute path in a field, which may be relative to the kubeconfig. Empty if the field is absent."""
        value = self.text(name)
        return os.path.join(self.folder, value) if value else ""

    def content(self, name: str) -> bytes:
        """The file of field ``name``, or field ``name``-data decoded. Both are refused, as by kubectl."""
        path, data = self.path(name), self.text(f"{name}-data")
        if path and data:
            raise InputError(f"{self.where}: {name} and {name}-data are both given. Keep one.")
        if path:
            return read_bytes(f"{self.where}: {name}", path)
        try:
            return base64.b64decode("".join(data.split()), validate=True)
        except ValueError:
            raise InputError(f"{self.where}: {name}-data is not base64. Write it again with kubectl config.") from None


@dataclass(frozen=True)
class Context:
    """``where`` names files and context for messages."""

    where: str
    name: str
    cluster: KubeconfigEntry
    user: KubeconfigEntry


def read_context(paths: Sequence[str], wanted: str | None) -> Context:
    """The context ``wanted``, or the current one, of these files. Raises InputError."""
    where = f"kubeconfig {', '.join(map(shown_path, paths))}"
    files = [(path, _file(path)) for path in paths]
    # the first file that sets it counts
    current = next((content["current-context"] for _path, content in files if content.get("current-context")), None)
    names = [str(entry["name"]) for _path, content in files for entry in _entries(content, "contexts")]
    name = wanted or (current and str(current))
    if not name:
        raise InputError(f"{where} has no current context. Give context, one of: {listed(names) or '(no context)'}.")
    if name not in names:
        raise InputError(f"{where} has no context '{shown(name)}'. It has: {listed(names) or '(no context)'}.")
    where += f", context '{shown(name)}'"
    context = _named(files, "contexts", name, where)
    sections = {}
    for kind, field in (("clusters", "cluster"), ("users", "user")):
        chosen = context.text(field)
        if not chosen:
            raise InputError(f"{where} cannot be used: it names no {field}.")
        sections[field] = _named(files, kind, chosen, where)
    return Context(where, name, sections["cluster"], sections["user"])


def read_bytes(name: str, path: str) -> bytes:
    """A file that a person named. ``name`` is where the path is from. Raises InputError."""
    try:
        # without O_NONBLOCK, a pipe would wait for its other end
        with open(path, "rb", opener=lambda file, flags: os.open(file, flags | os.O_NONBLOCK)) as file:
            content = file.read(_MOST_BYTES + 1)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "not a path"
        raise InputError(f"{name} {shown_path(path)} cannot be read where this task runs: {reason}.") from None
    if len(content) > _MOST_BYTES:
        raise InputError(f"{name} {shown_path(path)} is larger than {_MOST_BYTES // 1024 // 1024} MiB. Is it the right file?")
    return content


def _file(path: str) -> dict[str, t.Any]:
    raw = read_bytes("kubeconfig", path)
    try:
        content = yaml.safe_load(raw.decode("utf-8"))
    except (yaml.YAMLError, *_UNREADABLE) as error:
        # the text of the error repeats the line, which may have a token
        mark = getattr(error, "problem_mark", None)
        place = f" at line {mark.line + 1}" if mark else ""
        raise InputError(f"kubeconfig {shown_path(path)} is not YAML{place}. Is it encrypted, or another file?") from None
    if not isinstance(content, dict) or any(
        not isinstance(content.get(kind) or [], list) for kind in ("contexts", "clusters", "users")
    ):
        raise InputError(
            f"kubeconfig {shown_path(path)} is not a kubeconfig: expected a mapping with clusters, contexts and users."
        )
    return content


def _entries(content: dict[str, t.Any], kind: str) -> list[dict[str, t.Any]]:
    return [entry for entry in content.get(kind) or [] if isinstance(entry, dict) and entry.get("name")]


def _named(files: Sequence[tuple[str, dict[str, t.Any]]], kind: str, name: str, where: str) -> KubeconfigEntry:
    """The entry of the first file that has this name. Entries of other files are not merged into it."""
    field = kind[:-1]
    for path, content in files:
        found = [entry for entry in _entries(content, kind) if str(entry["name"]) == name]
        if len(found) > 1:
            raise InputError(f"{where} cannot be used: {shown_path(path)} has {field} '{shown(name)}' more than once.")
        if found:
            fields = found[0].get(field) or {}
            if not isinstance(fields, dict):
                raise InputError(f"{where} cannot be used: {field} '{shown(name)}' is not a mapping.")
            return KubeconfigEntry(f"{where}, {field} '{shown(name)}'", fields, os.path.dirname(os.path.abspath(path)))
    raise InputError(f"{where} cannot be used: it names {field} '{shown(name)}', which the kubeconfig does not have.")


def read_file(name: str, path: str) -> bytes:
    """The content of the file. It is opened once, since somebody could replace it with a pipe.

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
        # a wrong password: without any, OpenSSL asks at the terminal
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_cert_chain(certificate, key, password=lambda: b"-")
    except (OSError, ValueError):
        raise InputError(
            f"{name} and its key cannot be used together. Give a certificate and its own key, both in PEM form, the key without "
            "a password."
        ) from None


def temporary_file(content: bytes) -> str:
    """A file with this content that is removed at the end of the process. Libraries accept TLS files by path only."""
    handle, path = tempfile.mkstemp(prefix="pullpass-")
    atexit.register(_remove, path)
    with os.fdopen(handle, "wb") as file:
        file.write(content)
    return path


def _remove(path: str) -> None:
    with contextlib.suppress(OSError):
        os.unlink(path)

# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE to the collection.
"""Asks docker-credential-* programs for credentials, and stores some in them.

The protocol is that of docker-credential-helpers, packages client and credentials: an action as argument, text or JSON on
standard input, and an answer or an error on standard output. Secrets are never in arguments or in the environment.
"""

from __future__ import annotations

import contextlib
import json
import re
import shutil
import time
import typing as t

from .._credentials.credential import HELPER_USERNAME, username_for_identity_token
from .._credentials.redact import foreign_text, remember_secrets
from .._credentials.registry_key import HUB
from .._errors import HostError
from .._text import shown
from .account import LATE, TOO_LARGE, ChildFailure, in_child

if t.TYPE_CHECKING:

    class _Process(t.Protocol):
        stdin: t.Any
        stdout: t.Any
        stderr: t.Any

    class _Runner(t.Protocol):
        """An AnsibleModule, or a substitute that runs programs."""

        @property
        def run_command(self) -> t.Callable[..., tuple[int, str, str]]: ...


_SUFFIX = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]*")
_NOT_FOUND = "credentials not found in native keychain"
_SECONDS = 30.0
_SECONDS_TOGETHER = 120.0
_MOST_BYTES = 1024 * 1024
# characters of an error message; a longer text is not shown
_LONGEST_LINE = 500
# _MOST_BYTES in the longest form of JSON
_MOST_BYTES_AS_JSON = 8 * _MOST_BYTES
# words near which a helper could show a secret, and texts that look like one
_MAY_HOLD_SECRET = re.compile(
    r"[{\n]|secret|passw|passphrase|token|bearer|api.?key|(?:auth|credential|login)\w*\s*[:=]"
    r"|(?<![\w+/.-])(?=[\w+/=.-]*[0-9])(?=[\w+/=.-]*[A-Za-z])[\w+/=-]{20,}|\A\S*\Z",
    re.IGNORECASE,
)


class CredentialHelpers:
    """The programs of this host, each run by the module's own run_command. Each method raises HostError.

    ``seconds`` limits one question, ``together`` all of them: a file can name any number of registries.
    """

    def __init__(self, module: _Runner, seconds: float = _SECONDS, together: float = _SECONDS_TOGETHER) -> None:
        self._module = module
        self._seconds = seconds
        self._together = self._left = together

    def login(self, where: str, suffix: str, key: str) -> tuple[str, str]:
        """``(username, password)`` for the canonical ``key`` of a registry. An error begins with ``where``."""
        try:
            username, secret = self.get(suffix, key if key == HUB else key.partition("/")[0])
        except HostError as error:
            raise HostError(f"{where}: {error}") from None
        return (username_for_identity_token(where, key) if username == HELPER_USERNAME else username), secret

    def get(self, suffix: str, server: str) -> tuple[str, str]:
        """``(username, secret)`` for a server as docker names it. Without a credential, raises HostError."""
        name = _program(suffix)
        code, output, errors = self._run(name, "get", server, server)
        if code:
            raise _failure(name, server, code, output, errors)
        username, secret = _answer(name, server, output)
        remember_secrets([secret])
        if not secret:
            raise HostError(f"{name} returned an empty secret for {shown(server)}. Log in again on this machine, as this user.")
        return username, secret

    def find(self, suffix: str, server: str) -> tuple[str, str] | None:
        """The same, or null if the program has none for this server."""
        name = _program(suffix)
        code, output, errors = self._run(name, "get", server, server)
        if code:
            if _is_missing(output, errors):
                return None
            raise _failure(name, server, code, output, errors)
        username, secret = _answer(name, server, output)
        remember_secrets([secret])
        # older programs of Debian return an empty secret for a missing credential
        return (username, secret) if secret else None

    def store(self, suffix: str, server: str, username: str, secret: str) -> None:
        remember_secrets([secret])
        given = json.dumps({"ServerURL": server, "Username": username, "Secret": secret}, ensure_ascii=False)
        self._do(suffix, "store", server, given)

    def erase(self, suffix: str, server: str) -> None:
        self._do(suffix, "erase", server, server)

    def usernames(self, suffix: str) -> dict[str, str]:
        """Server -> user name of each stored credential."""
        name = _program(suffix)
        # docker's own client sends this word
        code, output, errors = self._run(name, "list", "unused", "its list")
        if code:
            raise _failure(name, "its list", code, output, errors)
        try:
            answer = json.loads(output)
        except (ValueError, RecursionError):
            answer = None
        # null is an empty list
        if answer is not None and not isinstance(answer, dict) or (answer is None and output.strip() != "null"):
            raise HostError(f"{name} returned an invalid list: not a JSON object. Check that it is a credential helper.")
        return {str(server): str(username) for server, username in (answer or {}).items()}

    def _do(self, suffix: str, action: str, server: str, given: str) -> None:
        name = _program(suffix)
        code, output, errors = self._run(name, action, given, server)
        if code:
            raise HostError(f"{name} {action} failed for {shown(server)}: {_reason(code, output, errors)}")

    def _run(self, name: str, action: str, given: str, server: str) -> tuple[int, str, str]:
        seconds = min(self._seconds, self._left)
        if seconds <= 0:
            raise HostError(
                f"{name} was not asked for {shown(server)}: the credential helpers together took {self._together:.0f} s. Find "
                "out why they are slow."
            )
        began = time.monotonic()
        try:
            answer = in_child(lambda: self._asked(name, action, given), seconds, _MOST_BYTES_AS_JSON)
        except ChildFailure as error:
            raise HostError(_without_answer(name, server, error.reason, seconds)) from None
        finally:
            self._left -= time.monotonic() - began
        if "problem" in answer:
            raise HostError(
                f"{name} cannot be run on the machine where this task runs ({answer['problem']}). Install it in the PATH of the "
                "user that runs the task."
            )
        return answer["code"], answer["output"], answer["errors"]

    def _asked(self, name: str, action: str, given: str) -> dict[str, t.Any]:
        """In the child."""

        def limit(process: _Process) -> None:
            process.stdin = _Input(process.stdin)
            process.stdout, process.stderr = _Output(process.stdout), _Output(process.stderr)

        try:
            code, output, errors = self._module.run_command(
                # the system finds it in PATH: get_bin_path would end the module if it is missing
                [name, action],
                data=given,
                binary_data=True,  # otherwise a line break is added, which docker does not send
                before_communicate_callback=limit,
                handle_exceptions=False,
                errors="replace",
            )
        except OSError as error:
            # a folder of PATH that cannot be entered gives the same error as a program that cannot be run
            return {"problem": error.strerror if shutil.which(name) else "no such program in PATH"}
        return {"code": code, "output": output, "errors": errors}


def _without_answer(name: str, server: str, reason: str, seconds: float) -> str:
    if reason == LATE:
        return f"{name} did not answer for {shown(server)} within {seconds:.0f} s and was killed. Check if it waits for input."
    if reason == TOO_LARGE:
        most = f"{_MOST_BYTES // 1024 // 1024} MiB"
        return f"{name} returned more than {most} for {shown(server)} and was killed. Check that it is a credential helper."
    return f"{name} was not asked for {shown(server)}: the process that started it was killed. Run the task again."


class _Input:
    """Standard input of a program that may end without reading it. Its answer is used all the same."""

    def __init__(self, pipe: t.Any) -> None:
        self._pipe = pipe

    def write(self, data: bytes) -> None:
        with contextlib.suppress(BrokenPipeError):
            self._pipe.write(data)

    def close(self) -> None:
        with contextlib.suppress(BrokenPipeError):
            self._pipe.close()


class _Output:
    """Standard output or error of a program, read up to a limit."""

    def __init__(self, pipe: t.Any) -> None:
        self._pipe = pipe
        self._left = _MOST_BYTES

    def fileno(self) -> int:
        return int(self._pipe.fileno())

    def read(self, size: int) -> bytes | None:
        chunk: bytes | None = self._pipe.read(size)
        self._left -= len(chunk or b"")
        if self._left < 0:
            raise ChildFailure(TOO_LARGE)
        return chunk

    def close(self) -> None:
        self._pipe.close()


def _program(suffix: str) -> str:
    if not _SUFFIX.fullmatch(suffix):
        raise HostError(f"'{shown(suffix)}' is not the suffix of a credential helper. Use letters, digits, '.', '_' and '-'.")
    return f"docker-credential-{suffix}"


def _reason(code: int, output: str, errors: str) -> str:
    """The helper's own message, unless it could contain a secret or a part of one."""
    lines = [text for text in (output.strip(), errors.strip()) if text]
    message = next((text for text in lines if len(text) <= _LONGEST_LINE and not _MAY_HOLD_SECRET.search(text)), None)
    if message is not None:
        return foreign_text(message)
    return f"exit status {code}" + (" (its message is not shown, because it could contain a secret)" if lines else "")


def _is_missing(output: str, errors: str) -> bool:
    """Whether the program printed the one error text of the protocol, compared before anything in it is masked."""
    return (output.strip() or errors.strip()) == _NOT_FOUND


def _failure(name: str, server: str, code: int, output: str, errors: str) -> HostError:
    if _is_missing(output, errors):
        return HostError(f"{name} has no credential for {shown(server)}. Log in on this machine, as this user.")
    return HostError(f"{name} failed for {shown(server)}: {_reason(code, output, errors)}")


def _answer(name: str, server: str, output: str) -> tuple[str, str]:
    """As encoding/json reads it: names without regard to case, a missing member is empty, text after the object is ignored."""
    try:
        answer, _end = json.JSONDecoder().raw_decode(output.lstrip())
        members = {key.lower(): value for key, value in (answer or {}).items() if value is not None}
        username, secret = members.get("username", ""), members.get("secret", "")
    except (ValueError, AttributeError, RecursionError):
        username = secret = None
    if not isinstance(username, str) or not isinstance(secret, str):
        raise HostError(
            f"{name} returned an invalid answer for {shown(server)}: not JSON with Username and Secret. Check that it is a "
            "credential helper."
        )
    return username, secret

# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE to the collection.
"""Ask docker-credential-* programs for credentials, and hand them some to keep.

The protocol is that of docker-credential-helpers, packages client and credentials: an action as argument, one text or JSON on
standard input, and an answer on standard output, errors among them.

Secrets pass through standard input and output only, never through arguments or the environment.
"""

from __future__ import annotations

import contextlib
import json
import re
import shutil
import threading
import typing as t

from ansible_collections.pullpass.registry.plugins.module_utils._credentials.identity_token import (
    HELPER_USERNAME,
    username_for_identity_token,
)
from ansible_collections.pullpass.registry.plugins.module_utils._credentials.registry_key import HUB
from ansible_collections.pullpass.registry.plugins.module_utils._errors import InputError
from ansible_collections.pullpass.registry.plugins.module_utils._text import shown

if t.TYPE_CHECKING:

    class _Process(t.Protocol):
        stdin: t.Any

        def kill(self) -> None: ...

    class _Runner(t.Protocol):
        """An AnsibleModule, or what runs programs in its place."""

        @property
        def run_command(self) -> t.Callable[..., tuple[int, str, str]]: ...


_SUFFIX = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]*")
_NOT_FOUND = "credentials not found in native keychain"
_SECONDS = 30.0


class CredentialHelpers:
    """The programs of the machine where this runs, each asked through the module's own run_command."""

    def __init__(self, module: _Runner, seconds: float = _SECONDS) -> None:
        self._module = module
        self._seconds = seconds

    def login(self, where: str, suffix: str, key: str) -> tuple[str, str]:
        """``(username, password)`` for the canonical ``key`` of a registry. Raises InputError that begins with ``where``."""
        try:
            username, secret = self.get(suffix, key if key == HUB else key.partition("/")[0])
        except InputError as error:
            raise InputError(f"{where}: {error}") from None
        return (username_for_identity_token(where, key) if username == HELPER_USERNAME else username), secret

    def get(self, suffix: str, server: str) -> tuple[str, str]:
        """``(username, secret)`` for a server as docker names it. Raises InputError for each way in which there is none."""
        name = _program(suffix)
        code, output, errors = self._run(name, "get", server, server)
        if code:
            raise _failure(name, server, _reason(code, output, errors))
        username, secret = _answer(name, server, output)
        if not secret:
            raise InputError(f"{name} gives an empty secret for {shown(server)}. Log in to it again on this machine.")
        return username, secret

    def find(self, suffix: str, server: str) -> tuple[str, str] | None:
        """The same, but None where the program has none for this server."""
        name = _program(suffix)
        code, output, errors = self._run(name, "get", server, server)
        if code:
            if _reason(code, output, errors) == _NOT_FOUND:
                return None
            raise _failure(name, server, _reason(code, output, errors))
        username, secret = _answer(name, server, output)
        # older ones of Debian answer so for what they have not
        return (username, secret) if secret else None

    def store(self, suffix: str, server: str, username: str, secret: str) -> None:
        """Raises InputError where the program does not take it."""
        given = json.dumps({"ServerURL": server, "Username": username, "Secret": secret}, ensure_ascii=False)
        self._do(suffix, "store", server, given)

    def erase(self, suffix: str, server: str) -> None:
        """Raises InputError where the program does not."""
        self._do(suffix, "erase", server, server)

    def usernames(self, suffix: str) -> dict[str, str]:
        """Server -> user name of all that the program keeps. Raises InputError."""
        name = _program(suffix)
        # docker's own client sends this word, too
        code, output, errors = self._run(name, "list", "unused", "its list")
        if code:
            raise _failure(name, "its list", _reason(code, output, errors))
        try:
            answer = json.loads(output)
        except (ValueError, RecursionError):
            answer = None
        # one that keeps nothing says null
        if answer is not None and not isinstance(answer, dict) or (answer is None and output.strip() != "null"):
            raise InputError(f"{name} gives its list in a form that is not the protocol's: no JSON object.")
        return {str(server): str(username) for server, username in (answer or {}).items()}

    def _do(self, suffix: str, action: str, server: str, given: str) -> None:
        name = _program(suffix)
        code, output, errors = self._run(name, action, given, server)
        if code:
            raise InputError(f"{name} {action} failed for {shown(server)}: {shown(_reason(code, output, errors))}")

    def _run(self, name: str, action: str, given: str, server: str) -> tuple[int, str, str]:
        timer: list[threading.Timer] = []
        late = threading.Event()

        def limit(process: _Process) -> None:
            process.stdin = _Input(process.stdin)

            def end() -> None:
                late.set()
                process.kill()

            timer.append(threading.Timer(self._seconds, end))
            timer[0].daemon = True
            timer[0].start()

        try:
            code, output, errors = self._module.run_command(
                # found in PATH by the system: get_bin_path would end the module where there is none
                [name, action],
                data=given,
                binary_data=True,  # else a line break is added, which docker does not send
                before_communicate_callback=limit,
                handle_exceptions=False,
                errors="replace",
            )
        except OSError as error:
            # the system says of a folder of PATH that may not be entered what it says of a program that may not be run
            reason = error.strerror if shutil.which(name) else "no such program in PATH"
            raise InputError(
                f"{name} cannot be run on the machine where this task runs ({reason}). Install it into the PATH of the "
                "user that runs the task."
            ) from None
        finally:
            for one in timer:
                one.cancel()
                # a process that is forked after this shall find no thread
                one.join()
        if late.is_set():
            raise InputError(
                f"{name} gave no answer for {shown(server)} within {self._seconds:.0f} s. Does it wait for a person?"
            )
        return code, output, errors


class _Input:
    """Standard input of a program that need not read it, and may have ended before; then its answer counts all the same."""

    def __init__(self, pipe: t.Any) -> None:
        self._pipe = pipe

    def write(self, data: bytes) -> None:
        with contextlib.suppress(BrokenPipeError):
            self._pipe.write(data)

    def close(self) -> None:
        with contextlib.suppress(BrokenPipeError):
            self._pipe.close()


def _program(suffix: str) -> str:
    if not _SUFFIX.fullmatch(suffix):
        raise InputError(f"'{shown(suffix)}' is no suffix of a docker-credential-* program: letters, digits, '.', '_' and '-'.")
    return f"docker-credential-{suffix}"


def _reason(code: int, output: str, errors: str) -> str:
    return _told(output) or _told(errors) or f"it ends with {code}"


def _failure(name: str, server: str, told: str) -> InputError:
    if told == _NOT_FOUND:
        return InputError(f"{name} has no credential for {shown(server)}. Log in to it on this machine, as this user.")
    return InputError(f"{name} failed for {shown(server)}: {shown(told)}")


def _told(output: str) -> str:
    """What a helper says, unless that may be (a part of) an answer with the secret in it."""
    text = output.strip()
    return "" if "{" in text or "\n" in text or "secret" in text.lower() else text


def _answer(name: str, server: str, output: str) -> tuple[str, str]:
    """As encoding/json reads it: members without regard to case, a missing one is empty, and text after the object is ignored."""
    try:
        answer, _end = json.JSONDecoder().raw_decode(output.lstrip())
        members = {key.lower(): value for key, value in (answer or {}).items() if value is not None}
        username, secret = members.get("username", ""), members.get("secret", "")
    except (ValueError, AttributeError, RecursionError):
        username = secret = None
    if not isinstance(username, str) or not isinstance(secret, str):
        raise InputError(
            f"{name} answers for {shown(server)} in a form that is not the protocol's: no JSON with Username and Secret."
        )
    return username, secret

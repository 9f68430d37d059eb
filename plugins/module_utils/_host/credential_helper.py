# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE to the collection.
"""Ask a docker-credential-* program for a credential (docker-credential-helpers, client and credentials packages).

Secrets pass through standard input and output only, never through arguments or the environment.
"""

from __future__ import annotations

import json
import re
import threading
import typing as t

from ansible_collections.pullpass.registry.plugins.module_utils._errors import InputError
from ansible_collections.pullpass.registry.plugins.module_utils._text import shown

if t.TYPE_CHECKING:
    from ansible.module_utils.basic import AnsibleModule

    class _Process(t.Protocol):
        def kill(self) -> None: ...


_SUFFIX = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]*")
_NOT_FOUND = "credentials not found in native keychain"
_SECONDS = 30.0


class CredentialHelpers:
    """The programs of the machine where the task runs, each asked through the module's own run_command."""

    def __init__(self, module: AnsibleModule, seconds: float = _SECONDS) -> None:
        self._module = module
        self._seconds = seconds

    def get(self, suffix: str, server: str) -> tuple[str, str]:
        """``(username, secret)`` for a server as docker names it. Raises InputError for each way in which there is none."""
        if not _SUFFIX.fullmatch(suffix):
            raise InputError(
                f"'{shown(suffix)}' is no suffix of a docker-credential-* program: letters, digits, '.', '_' and '-'."
            )
        name = f"docker-credential-{suffix}"
        # found in PATH by the system: get_bin_path would end the module where there is none
        code, output, errors = self._run(name, server)
        if code:
            raise _failure(name, server, _told(output) or _told(errors) or f"it ends with {code}")
        return _answer(name, server, output)

    def _run(self, name: str, server: str) -> tuple[int, str, str]:
        timer: list[threading.Timer] = []
        late = threading.Event()

        def limit(process: _Process) -> None:
            def end() -> None:
                late.set()
                process.kill()

            timer.append(threading.Timer(self._seconds, end))
            timer[0].daemon = True
            timer[0].start()

        try:
            code, output, errors = self._module.run_command(
                [name, "get"],
                data=server,
                binary_data=True,  # else a line break is added, which docker does not send
                before_communicate_callback=limit,
                handle_exceptions=False,
                errors="replace",
            )
        except OSError as error:
            raise InputError(
                f"{name} cannot be run on the machine where this task runs ({error.strerror}). Install it into the PATH of the "
                "user that runs the task."
            ) from None
        finally:
            for one in timer:
                one.cancel()
        if late.is_set():
            raise InputError(
                f"{name} gave no answer for {shown(server)} within {self._seconds:.0f} s. Does it wait for a person?"
            )
        return code, output, errors


def _failure(name: str, server: str, told: str) -> InputError:
    if told == _NOT_FOUND:
        return InputError(f"{name} has no credential for {shown(server)}. Log in to it on this machine, as this user.")
    return InputError(f"{name} failed for {shown(server)}: {shown(told)}")


def _told(output: str) -> str:
    """What a helper says, unless that may be (a part of) an answer with the secret in it."""
    text = output.strip()
    return "" if "{" in text or "\n" in text or "secret" in text.lower() else text


def _answer(name: str, server: str, output: str) -> tuple[str, str]:
    try:
        answer = json.loads(output)
        username, secret = answer["Username"], answer["Secret"]
    except (ValueError, TypeError, KeyError, RecursionError):
        username = secret = None
    if not isinstance(username, str) or not isinstance(secret, str):
        raise InputError(
            f"{name} answers for {shown(server)} in a form that is not the protocol's: no JSON with Username and Secret."
        )
    if not secret:
        raise InputError(f"{name} gives an empty secret for {shown(server)}. Log in to it again on this machine.")
    return username, secret

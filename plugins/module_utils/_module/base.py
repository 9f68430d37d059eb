# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE to the collection.
"""The module class of this collection: it masks secrets, and turns exceptions into messages without secrets."""

from __future__ import annotations

import logging
import os
import re
import traceback
import typing as t

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.common.parameters import remove_values

from .._credentials.redact import foreign_text, remember_secrets
from .._errors import PullpassError
from .._text import is_plausible_path, shown_url
from .text_options import check_raw_options, secrets_given

try:  # ansible-core 2.22 masks what is registered, and ignores no_log_values
    from ansible.module_utils.secrets import register_secrets
except ImportError:
    register_secrets = None

if t.TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    class RequestCounter(t.Protocol):
        requests: int


# Options that never reach "invocation" or syslog. A misspelt suboption is a secret that no argument spec knows, and a
# password with quotes is not masked in the text of a list that contains it.
NEVER_SHOWN = ("registries", "config", "sets", "api_key", "proxy")
# options for a URL or a host: shown without user information
URL_OPTIONS = ("host", "endpoint", "realms", "allow_addresses")
# options for a path whose type is not path
PATH_OPTIONS = ("kubeconfig", "path", "config_file")
LOWEST_CORE = (2, 17)
_NOT_SHOWN = "(not shown)"
# longer text, or text of several lines, is a document in an option that is not for documents
_LONGEST_VALUE = 400
_COLLECTION_FILE = re.compile(r".*/ansible_collections/pullpass/registry/(.+)")
_ISSUES = "https://github.com/pullpass/registry/issues"


def core_problem(version: str | None) -> str:
    """A sentence for an ansible-core that is too old, else an empty text. ``version`` as in ``ansible_version.full``."""
    found = re.match(r"(\d+)\.(\d+)", version or "")
    # 0.0 is the version of a module that runs without Ansible
    if not found or found[0] == "0.0" or (int(found[1]), int(found[2])) >= LOWEST_CORE:
        return ""
    lowest = ".".join(map(str, LOWEST_CORE))
    return f"ansible-core {found[0]} is too old for collection pullpass.registry. Install ansible-core {lowest} or later."


def unexpected_message(error: BaseException) -> str:
    """The type of ``error`` and its places, in the collection and where it was raised; never its text."""
    frames = traceback.extract_tb(error.__traceback__)
    files = [(_COLLECTION_FILE.fullmatch(frame.filename), frame.lineno) for frame in frames]
    places = [f"{match[1]}:{line}" for match, line in files if match]
    place = places[-1] if places else "an unknown place"
    if files and not files[-1][0]:
        place += f" (raised in {os.path.basename(frames[-1].filename)}:{frames[-1].lineno})"
    # a library can create a class of any name
    name = type(error).__name__
    kind = foreign_text(name, 80) if name.isidentifier() and name.isascii() else "of an unprintable type"
    return (
        f"unexpected error {kind} at {place}. The text of the error is not shown, since it may contain a credential. "
        f"Report this message, with the versions of the collection, of ansible-core and of Python, at {_ISSUES}."
    )


def mark_secrets(module: AnsibleModule, values: Iterable[str]) -> None:
    """Mask ``values`` in every output of this module. Empty texts are ignored."""
    secrets = {value for value in values if value}
    module.no_log_values.update(secrets)
    remember_secrets(secrets)
    if register_secrets is not None:
        register_secrets(secrets)


class PullpassModule(AnsibleModule):
    """An AnsibleModule whose results and log lines contain no option with a credential, misspelt or not.

    A failure returns ``so_far`` beside its message, and the number of requests that ``request_counter`` has at that time.
    """

    def __init__(self, **arguments: t.Any) -> None:
        self.so_far: dict[str, t.Any] = {}
        self.request_counter: RequestCounter | None = None
        try:
            super().__init__(**arguments)
        except Exception as error:
            # before the options are read, the text of an error contains no value of them
            if not hasattr(self, "params"):
                raise
            message = unexpected_message(error)
        else:
            return
        raise PullpassError(message)

    def _load_params(self) -> None:
        super()._load_params()
        # before anything is logged or refused; Ansible's own no_log does not apply inside a raw option
        mark_secrets(self, secrets_given(self.argument_spec, self.params))

    def facts_so_far(self) -> dict[str, t.Any]:
        if self.request_counter is None:
            return self.so_far
        return {**self.so_far, "api_requests": self.request_counter.requests}

    def exit_json(self, **kwargs: t.Any) -> t.NoReturn:
        super().exit_json(**{"invocation": self._invocation(), **kwargs})

    def fail_json(self, msg: str, **kwargs: t.Any) -> t.NoReturn:
        super().fail_json(
            _without_documents(str(msg), getattr(self, "params", {})), **{"invocation": self._invocation(), **kwargs}
        )

    def log(self, msg: str, log_args: dict[str, t.Any] | None = None) -> None:
        if log_args:
            log_args = {name: self._log_text(name, text) for name, text in log_args.items() if name in self.argument_spec}
            msg = "Invoked with " + " ".join(f"{name}={value}" for name, value in log_args.items())
        super().log(msg, log_args)

    def _log_text(self, name: str, text: t.Any) -> t.Any:
        """``text`` is Ansible's own log text of the option: already masked, and a container as one text."""
        value, spec = self.params.get(name), self.argument_spec[name]
        if isinstance(value, (dict, list)):
            return remove_values(str(_loggable_value(name, spec, value)), self.no_log_values)
        return _loggable_value(name, spec, text)

    def _invocation(self) -> dict[str, t.Any]:
        return {"module_args": self._loggable(getattr(self, "params", {}))}

    def _loggable(self, options: dict[str, t.Any]) -> dict[str, t.Any]:
        """Without aliases and unknown options, and with values only where they cannot contain a credential."""
        specs = self.argument_spec
        return {name: _loggable_value(name, specs[name], value) for name, value in options.items() if name in specs}


class ProgramRunner(AnsibleModule):
    """Runs programs as a module does, for a lookup, which has no module options and must not exit like a module."""

    def __init__(self) -> None:
        self.run_command_environ_update: dict[str, str] = {}
        self.no_log_values: set[str] = set()
        self._debug = False
        self._shell = None

    def log(self, msg: str, log_args: dict[str, t.Any] | None = None) -> None:
        """ansible-core 2.17 logs each exception of a program, which the caller reports."""


def _loggable_value(name: str, spec: dict[str, t.Any], value: t.Any) -> t.Any:
    if name in NEVER_SHOWN:
        return _NOT_SHOWN if value else value
    if isinstance(value, dict):
        return _loggable_mapping(spec, value)
    if isinstance(value, (list, tuple)):
        return [_loggable_value(name, spec, one) for one in value]
    if not isinstance(value, str) or not value:
        return value
    if name in URL_OPTIONS:
        return shown_url(value)
    if name in PATH_OPTIONS or "path" in (spec.get("type"), spec.get("elements")):
        return value if is_plausible_path(value) else _NOT_SHOWN
    return _NOT_SHOWN if _is_document(value) else value


def _loggable_mapping(spec: dict[str, t.Any], value: dict[str, t.Any]) -> t.Any:
    """A mapping in an option of another type is a document. A suboption that the spec does not know is misspelt."""
    if "dict" not in (spec.get("type"), spec.get("elements")):
        return _NOT_SHOWN
    options = spec.get("options")
    if options is None:
        return {key: _loggable_value("", {}, one) for key, one in value.items()}
    return {key: _loggable_value(key, options[key], one) for key, one in value.items() if key in options}


def _is_document(text: str) -> bool:
    return len(text) > _LONGEST_VALUE or "\n" in text or text.lstrip().startswith(("{", "[{"))


def _without_documents(message: str, value: t.Any) -> str:
    """``message`` of Ansible's own check of the options, which contains a value of the wrong type or choice."""
    for text in sorted(_texts(value), key=len, reverse=True):
        if _is_document(text):
            message = message.replace(text, _NOT_SHOWN)
    return message


def _texts(value: t.Any) -> Iterator[str]:
    """Each text in ``value``, and each container as its text in a message of Ansible."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, (dict, list, tuple)):
        yield str(value)
        for one in value.values() if isinstance(value, dict) else value:
            yield from _texts(one)


def run(flow: Callable[[PullpassModule], dict[str, t.Any]], **arguments: t.Any) -> None:
    """Create the module from AnsibleModule's ``arguments``, run ``flow``, and exit with its result or with an error message.

    The module exits outside of the ``except`` clauses: from ansible-core 2.19 on, fail_json adds the exception that is
    being handled to a traceback.
    """
    # without a handler, libraries log to standard error, with texts of exceptions
    logging.getLogger().addHandler(logging.NullHandler())
    module, message = PullpassModule(**arguments), ""
    try:
        problem = core_problem(getattr(module, "ansible_version", None))
        if problem:
            raise PullpassError(problem)
        check_raw_options(module.argument_spec, module.params)
        _finish(module, flow(module))
    except PullpassError as error:
        message = str(error)
    except Exception as error:  # the last resort: its text may contain a secret
        message = unexpected_message(error)
    module.fail_json(message, **module.facts_so_far())


def _finish(module: PullpassModule, result: dict[str, t.Any]) -> t.NoReturn:
    if result.pop("failed", False):
        module.fail_json(result.pop("msg"), **result)
    module.exit_json(**result)

# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE to the collection.
"""The edge between Ansible and the rooms: one module class, masking of secrets, and exceptions turned into fail_json."""

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

if t.TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator


LOWEST_CORE = (2, 17)


def core_problem(version: str | None) -> str:
    """A sentence for an ansible-core that is too old, else an empty text. ``version`` as in ``ansible_version.full``."""
    found = re.match(r"(\d+)\.(\d+)", version or "")
    # 0.0 is what a module gets that Ansible does not run
    if not found or found[0] == "0.0" or (int(found[1]), int(found[2])) >= LOWEST_CORE:
        return ""
    lowest = ".".join(map(str, LOWEST_CORE))
    return f"ansible-core {found[0]} is too old for collection pullpass.registry. Install ansible-core {lowest} or later."


_OURS = re.compile(r".*/ansible_collections/pullpass/registry/(.+)")
_ISSUES = "https://github.com/pullpass/registry/issues"


def unexpected_words(error: BaseException) -> str:
    """The type of ``error`` and the places, ours and where it was raised; never its text."""
    frames = traceback.extract_tb(error.__traceback__)
    ours = [f"{found[1]}:{frame.lineno}" for frame in frames for found in [_OURS.fullmatch(frame.filename)] if found]
    place = ours[-1] if ours else "an unknown place"
    if frames and not _OURS.fullmatch(frames[-1].filename):
        place += f" (raised in {os.path.basename(frames[-1].filename)}:{frames[-1].lineno})"
    # a library can make a class of any name
    name = type(error).__name__
    kind = foreign_text(name, 80) if name.isidentifier() and name.isascii() else "of an odd type"
    return (
        f"unexpected error {kind} at {place}. The text of the error is not shown, since it can hold a "
        f"credential. Report this message, with the versions of the collection, of ansible-core and of Python, at {_ISSUES}."
    )


try:  # ansible-core 2.22 masks what is registered and leaves no_log_values alone
    from ansible.module_utils.secrets import register_secrets
except ImportError:
    register_secrets = None


def mark_secrets(module: AnsibleModule, values: Iterable[str]) -> None:
    """Have every output of this module masked for ``values`` and for nothing else; empty strings are passed over."""
    secrets = {value for value in values if value}
    module.no_log_values.update(secrets)
    remember_secrets(secrets)
    if register_secrets is not None:
        register_secrets(secrets)


# Options that never reach "invocation" or syslog. A misspelt suboption is a secret that no argument spec knows, and a
# password with quotes in it is not masked in the text of the list that it stands in.
NEVER_SHOWN = ("registries", "config", "sets", "api_key", "proxy")
# Options for a URL or a host: shown without user information
URL_OPTIONS = ("host", "endpoint", "realms", "allow_addresses")
# Options for a path whose type is not path
PATH_OPTIONS = ("kubeconfig", "path", "config_file")
_NOT_SHOWN = "(not shown)"
# Longer text, or text of several lines, is a document in an option that is not for documents
_LONGEST_VALUE = 400


class PullpassModule(AnsibleModule):
    """An AnsibleModule whose results and log lines repeat no option that holds a credential, misspelt or not.

    ``so_far`` returns what a failure reports beside its message.
    """

    so_far: t.Callable[[], dict[str, t.Any]] = dict

    def __init__(self, **arguments: t.Any) -> None:
        try:
            super().__init__(**arguments)
        except Exception as error:
            # before the options are read, the text of an error holds none of them
            if not hasattr(self, "params"):
                raise
            message = unexpected_words(error)
        else:
            return
        raise PullpassError(message)

    def _load_params(self) -> None:
        super()._load_params()
        # before anything can be logged or refused; Ansible's own no_log does not look into a raw option
        mark_secrets(self, secrets_given(self.argument_spec, self.params))

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
        """``text`` is what Ansible logs of the option: already masked, and a container as one text."""
        value, spec = self.params.get(name), self.argument_spec[name]
        if isinstance(value, (dict, list)):
            return remove_values(str(_loggable_value(name, spec, value)), self.no_log_values)
        return _loggable_value(name, spec, text)

    def _invocation(self) -> dict[str, t.Any]:
        return {"module_args": self._loggable(getattr(self, "params", {}))}

    def _loggable(self, options: dict[str, t.Any]) -> dict[str, t.Any]:
        """Without aliases and unknown options, and with values only where they cannot hold a credential."""
        specs = self.argument_spec
        return {name: _loggable_value(name, specs[name], value) for name, value in options.items() if name in specs}


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
    """A mapping is a document where none is expected, and a suboption that the spec does not know is a misspelt one."""
    if "dict" not in (spec.get("type"), spec.get("elements")):
        return _NOT_SHOWN
    options = spec.get("options")
    if options is None:
        return {key: _loggable_value("", {}, one) for key, one in value.items()}
    return {key: _loggable_value(key, options[key], one) for key, one in value.items() if key in options}


def _is_document(text: str) -> bool:
    return len(text) > _LONGEST_VALUE or "\n" in text or text.lstrip().startswith(("{", "[{"))


def _without_documents(message: str, value: t.Any) -> str:
    """``message`` of Ansible's own check of the options, which repeats a value of the wrong type or choice."""
    for text in sorted(_texts(value), key=len, reverse=True):
        if _is_document(text):
            message = message.replace(text, _NOT_SHOWN)
    return message


def _texts(value: t.Any) -> Iterator[str]:
    """Each text in ``value``, and each container as Ansible writes it into a message."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, (dict, list, tuple)):
        yield str(value)
        for one in value.values() if isinstance(value, dict) else value:
            yield from _texts(one)


def run(flow: Callable[[PullpassModule], dict[str, t.Any]], **arguments: t.Any) -> None:
    """Make the module from AnsibleModule's ``arguments``, run ``flow``, and end with its result or with an error's message.

    The module ends outside of the ``except`` clauses: from ansible-core 2.19 on, fail_json adds the exception that is
    being handled to a traceback.
    """
    # without a handler, the logging of libraries goes to standard error, texts of exceptions included
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
    except Exception as error:  # the last resort: what nobody expected may hold anything
        message = unexpected_words(error)
    module.fail_json(message, **_so_far(module))


def _finish(module: PullpassModule, result: dict[str, t.Any]) -> t.NoReturn:
    if result.pop("failed", False):
        module.fail_json(result.pop("msg"), **result)
    module.exit_json(**result)


def _so_far(module: PullpassModule) -> dict[str, t.Any]:
    try:
        return module.so_far()
    except Exception:  # it tells more about an error, and must not be one itself
        return {}

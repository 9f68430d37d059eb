# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""invisible_words: invisible characters of a user name or a password are named, and no visible one."""

from __future__ import annotations

import pytest
from ansible_collections.pullpass.registry.plugins.module_utils._credentials.credential import (
    invisible_words,
    make_credential,
    quoted,
)
from ansible_collections.pullpass.registry.plugins.module_utils._credentials.lint import examine
from ansible_collections.pullpass.registry.plugins.module_utils._errors import InputError
from ansible_collections.pullpass.registry.plugins.module_utils._module import credential_options as _credential_options


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("\ufeffword", "begins with a byte order mark (U+FEFF)"),
        ("\u200bword", "begins with a zero-width space (U+200B)"),
        ("word\0", "ends with NUL (U+0000)"),
        ("word\n", "ends with a line break (U+000A)"),
        (" word ", "begins with a blank (U+0020) and ends with a blank (U+0020)"),
        ("wo\u200drd", "contains an invisible character (U+200D)"),
        ("\u2060", "begins with an invisible character (U+2060)"),
        (
            "\u00a0a\r\nb\u00a0",
            "begins with a no-break space (U+00A0) and contains a carriage return (U+000D) and contains a line break (U+000A)",
        ),
    ],
)
def test_what_nobody_sees_is_named(text: str, words: str) -> None:
    assert invisible_words(text) == words


@pytest.mark.parametrize("text", ["", "a", "a b", "wörd", "p@ss:{{ x }}", "日本"])
def test_what_everybody_sees_is_passed_over(text: str) -> None:
    assert invisible_words(text) == ""


def test_a_name_is_quoted_so_that_it_is_seen() -> None:
    assert quoted("bot ") == '"bot "'
    assert quoted("\u200bbot\u00a0") == '"\\u200bbot\\u00a0"'
    assert len(quoted("x" * 1000)) < 130


class Recorder:
    def __init__(self) -> None:
        self.warnings: list[str] = []
        self.no_log_values: set[str] = set()

    def warn(self, message: str) -> None:
        self.warnings.append(message)


@pytest.mark.parametrize(
    ("username", "password", "expected"),
    [
        ("bot", "\ufeffgeheim", "the password for reg.io begins with a byte order mark (U+FEFF), which is invisible"),
        ("bot", "geheim\0", "the password for reg.io ends with NUL (U+0000), which is invisible"),
        ("bot", "geheim\n", "the password for reg.io ends with a line break (U+000A), which is invisible"),
        ("bot ", "geheim", 'the username "bot " for reg.io ends with a blank (U+0020). It is used unchanged.'),
        (" bot", "geheim", 'the username " bot" for reg.io begins with a blank (U+0020).'),
        (" geheim", " geheim", "the username (hidden) for reg.io begins with a blank (U+0020)."),
    ],
)
def test_a_warning_says_where_it_is_and_never_shows_a_password(username: str, password: str, expected: str) -> None:
    module = Recorder()
    _credential_options.announce(module, [make_credential("x", "reg.io", username, password)])  # type: ignore[arg-type]
    assert any(warning.startswith(expected) for warning in module.warnings), module.warnings
    assert "geheim" not in " ".join(module.warnings)


def test_a_user_name_with_another_invisible_character_is_refused_by_name() -> None:
    with pytest.raises(InputError, match=r"x: the username ends with a zero-width space \(U\+200B\)"):
        make_credential("x", "reg.io", "bot\u200b", "p")


def test_the_audit_names_it_too() -> None:
    document = b'{"auths": {"reg.io": {"username": "bot", "password": "\\ufeffgeheim"}}}'
    (problem,) = [one for one in examine(document).problems if "kubelet" in one.readers]
    assert problem.text.startswith("its password begins with a byte order mark (U+FEFF)")
    assert not problem.blocks

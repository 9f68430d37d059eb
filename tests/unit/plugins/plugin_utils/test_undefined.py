# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""An undefined variable is named by its place, and nothing of the values around it is shown."""

from __future__ import annotations

from typing import Any

import pytest
from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar
from ansible_collections.pullpass.registry.plugins.plugin_utils._undefined import evaluated

try:
    from ansible.template import trust_as_template
except ImportError:  # before ansible-core 2.19 every text is a template

    def trust_as_template(value: Any) -> Any:  # type: ignore[misc]
        return value


try:
    from ansible.parsing.vault import VaultLib, VaultSecret
    from ansible.parsing.yaml.objects import AnsibleVaultEncryptedUnicode

    VaultText: Any = AnsibleVaultEncryptedUnicode if hasattr(AnsibleVaultEncryptedUnicode, "from_plaintext") else None
except ImportError:
    VaultText = None

SECRET = "Zauberwort"


def trusted(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: trusted(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [trusted(inner) for inner in value]
    return trust_as_template(value) if isinstance(value, str) else value


def checked(name: str, **variables: Any) -> tuple[Any, str]:
    given = trusted(variables)
    return evaluated(name, given, Templar(loader=DataLoader(), variables=given).template)


def test_what_can_be_evaluated_is_evaluated_whole() -> None:
    assert checked("a", a=[{"x": "{{ b }}"}], b="1x", c="{{ nobody }}") == ([{"x": "1x"}], "")
    assert checked("a", a="{{ b | default('x', true) }}") == ("x", "")
    assert checked("a", a="{{ [b] if b is defined else [] }}") == ([], "")


@pytest.mark.parametrize(
    ("variables", "said"),
    [
        ({"a": [{"password": "{{ nobody }}"}, {"password": SECRET}]}, "a[0].password uses the undefined variable nobody."),
        ({"a": "{{ b }}", "b": [SECRET, "{{ nobody }}"]}, "b[1] uses the undefined variable nobody."),
        ({"a": "{{ b | default([], true) }}", "b": [SECRET, "{{ nobody }}"]}, "b[1] uses the undefined variable nobody."),
        ({"a": ["{{ b | d('') }}"], "b": {"k": [SECRET, "{{ nobody }}"]}}, "b.k[1] uses the undefined variable nobody."),
        (
            {"a": "{{ b | default('') }}", "b": "{{ c | default('') }}", "c": "{{ nobody }}"},
            "c uses the undefined variable nobody.",
        ),
        ({"a": "{{ b | default('') ~ nobody }}"}, "a uses the undefined variable nobody."),
        ({"a": "{{ b.c.d }}", "b": {"c": SECRET}}, "a uses an undefined attribute of a variable: b.c.d."),
        ({"a": "{{ b['c'] }}", "b": {"x": SECRET}}, "a uses an undefined attribute of a variable: b.c."),
        ({"a": "{{ lookup('file', '/nowhere/" + SECRET + "') }}"}, "a cannot be evaluated: "),
        ({"a": "{{ ('" + SECRET + "' }}"}, "a cannot be evaluated: "),
        ({"a": "{{ '" + SECRET + "' | no_such_filter }}"}, "a cannot be evaluated: "),
    ],
)
def test_what_cannot_is_named_and_not_shown(variables: dict[str, Any], said: str) -> None:
    value, problem = checked("a", **variables)

    assert value is None or said.startswith(("b", "c "))
    assert problem.startswith(said)
    assert SECRET not in problem


@pytest.mark.skipif(VaultText is None, reason="ansible-core 2.19 and newer give texts")
def test_what_a_vault_holds_is_text() -> None:
    vault = VaultLib([("default", VaultSecret(b"of the vault"))])
    sealed = VaultText.from_plaintext(SECRET, vault, VaultSecret(b"of the vault"))

    value, problem = checked("a", a=[{"password": sealed}])

    assert (value, problem) == ([{"password": SECRET}], "")
    assert value[0]["password"].__class__ is str
    sealed.vault = VaultLib([("default", VaultSecret(b"of another vault"))])
    assert checked("a", a=[{"password": sealed}])[1].startswith("a[0].password cannot be evaluated: AnsibleVault")


def test_a_loop_of_variables_ends() -> None:
    assert checked("a", a="{{ b }}", b="{{ a }}")[1].startswith(("a ", "b "))

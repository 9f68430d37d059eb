# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE to the collection.
"""Field and label selectors. A value that could change the meaning of a selector is refused."""

from __future__ import annotations

import re
import typing as t

from ansible_collections.pullpass.registry.plugins.module_utils._cluster.names import is_label
from ansible_collections.pullpass.registry.plugins.module_utils._cluster.refusals import REFUSED
from ansible_collections.pullpass.registry.plugins.module_utils._errors import RequestError
from ansible_collections.pullpass.registry.plugins.module_utils._text import shown

if t.TYPE_CHECKING:
    from collections.abc import Mapping

_FIELD = re.compile(r"[A-Za-z]+(\.[A-Za-z]+)*")
# names, uids and types of Secrets: nothing that a selector reads as an operator or as an escape
_FIELD_VALUE = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._/-]{0,251}[A-Za-z0-9])?")


def fields_equal(fields: Mapping[str, str]) -> dict[str, str]:
    """The query parameter that selects objects with all of these fields. Raises RequestError for what cannot be a value."""
    for field, value in fields.items():
        if not _FIELD.fullmatch(field) or not isinstance(value, str) or not _FIELD_VALUE.fullmatch(value):
            raise _refused("field", field, value)
    return {"fieldSelector": ",".join(f"{field}={value}" for field, value in fields.items())}


def labels_equal(labels: Mapping[str, str]) -> dict[str, str]:
    """The query parameter that selects objects with all of these labels. Raises RequestError for what cannot be a label."""
    for key, value in labels.items():
        if not is_label(key, value):
            raise _refused("label", key, value)
    return {"labelSelector": ",".join(f"{key}={value}" for key, value in sorted(labels.items()))}


def _refused(what: str, key: object, value: object) -> RequestError:
    return RequestError(
        f"'{shown(str(key), 80)}={shown(str(value), 80)}' is not a {what} that an object can have, so nothing is selected by it",
        REFUSED,
        0,
    )

# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE to the collection.
"""An exception that nothing of ours expects, reported without its text: that may hold a password or a token."""

from __future__ import annotations

import os
import re
import traceback

from ansible_collections.pullpass.registry.plugins.module_utils._credentials.redact import foreign_text

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

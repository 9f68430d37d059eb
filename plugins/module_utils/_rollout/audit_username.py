# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE to the collection.
"""A user name as it may be shown: some registries take a token as user name, and that is a secret. Pure."""

from __future__ import annotations

import math
import re
from collections import Counter

from ansible_collections.pullpass.registry.plugins.module_utils._text import shown

HIDDEN = "(hidden)"

_LONGEST = 64
_WORD = re.compile(r"[A-Za-z0-9]{20,}")
# how the tokens of GitHub, GitLab, Docker Hub, npm, Slack, Artifactory, Google and AWS begin, and every JWT
_PREFIX = re.compile(
    r"eyJ|gh[oprsu]_\w{20}|github_pat_|gl(pat|dt|rt|cbt|ptt|agent|oas|soat|ft)-|dckr_[a-z]{2,4}_|npm_\w{20}|xox[a-z]-"
    r"|AKC\w{20}|cmVmdGtu|ya29\.|ASIA\w{12}"
)
# bits for each character; words of any language have less, random text of 20 characters or more has more
_RANDOM = 3.4


def shown_username(username: str, password: str) -> str:
    """The user name, or HIDDEN where it looks like a token, or is the password."""
    return HIDDEN if _is_token(username, password) else shown(username)


def _is_token(username: str, password: str) -> bool:
    if len(username) > _LONGEST or (username and username == password) or (len(password) >= 8 and password in username):
        return True
    if _PREFIX.match(username):
        return True
    return any(_is_random(word) for word in _WORD.findall(username))


def _is_random(word: str) -> bool:
    """Whether a run of letters and digits was made by chance: digits among the letters, and hardly any repeats."""
    digits = sum(char.isdigit() for char in word)
    if digits < 3 or digits == len(word):
        return False
    return -sum(count / len(word) * math.log2(count / len(word)) for count in Counter(word).values()) > _RANDOM

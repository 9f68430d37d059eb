# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE to the collection.
"""User names and images as they may be shown: either may hold a secret. Pure.

Some registries take a token as user name, and people write a password into an image's name.
"""

from __future__ import annotations

import base64
import math
import re
from collections import Counter

from .._text import shown
from .credential import AZURE_USERNAME

HIDDEN = "(hidden)"
_LONGEST = 64
_WORD = re.compile(r"[A-Za-z0-9]{20,}")
# how the tokens of GitHub, GitLab, Docker Hub, npm, Slack, Artifactory, Google and AWS begin, and every JWT
_PREFIX = re.compile(
    r"eyJ|gh[oprsu]_\w{20}|github_pat_|gl(pat|dt|rt|cbt|ptt|agent|oas|soat|ft)-|dckr_[a-z]{2,4}_|npm_\w{20}|xox[a-z]-"
    r"|AKC\w{20}|cmVmdGtu|ya29\.|ASIA\w{12}"
)
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
# what is written as password where the token is the user name
_PLACEHOLDERS = ("", "x-oauth-basic", "unused", "x", "token", "-")
_DIGEST = re.compile(r"sha[0-9]+:", re.IGNORECASE)
# bits for each character; words of any language have less, random text of 20 characters or more has more
_RANDOM = 3.0


def shown_username(username: str, password: str) -> str:
    """The user name, or HIDDEN where it looks like a token, or is the password or stands in its place."""
    return HIDDEN if username and _is_token(username, password) else shown(username)


def shown_image(image: str) -> str:
    """The image; what stands before an '@' may be a password, unless a digest comes after it."""
    before, at, after = image.rpartition("@")
    return f"{HIDDEN}@{shown(after)}" if at and ("@" in before or not _DIGEST.match(after)) else shown(image)


def _is_token(username: str, password: str) -> bool:
    if password.strip().lower() in _PLACEHOLDERS or username == password or (len(password) >= 8 and password in username):
        return True
    if len(username) > _LONGEST or _PREFIX.match(username) or _is_auth(username):
        return True
    if _UUID.fullmatch(username) and username != AZURE_USERNAME:
        return True
    return any(_is_random(word) for word in _WORD.findall(username))


def _is_auth(username: str) -> bool:
    """Whether it is base64, of either alphabet and padded or not, of ``username:password``."""
    try:
        padded = username.rstrip("=") + "=" * (-len(username.rstrip("=")) % 4)
        text = base64.b64decode(padded.translate({45: "+", 95: "/"}), validate=True).decode().strip()
    except ValueError:
        return False
    return ":" in text and text.isprintable()


def _is_random(word: str) -> bool:
    """Whether a run of letters and digits was made by chance: digits and both cases all mixed, and hardly any repeats."""
    digits = sum(char.isdigit() for char in word)
    turns = sum(one.isalpha() and other.isalpha() and one.islower() != other.islower() for one, other in zip(word, word[1:]))
    if digits == len(word) or not (digits >= 3 or (digits and turns > len(word) / 5)):
        return False
    return -sum(count / len(word) * math.log2(count / len(word)) for count in Counter(word).values()) > _RANDOM

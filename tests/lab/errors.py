# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Failures of the lab, each in one sentence."""

from __future__ import annotations


class LabError(Exception):
    """One clear sentence, and below it what helps to find the cause: the ends of the logs concerned."""

    def __init__(self, message: str, detail: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.detail = detail

    def __str__(self) -> str:
        return f"{self.message}\n{self.detail}" if self.detail else self.message

# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Tests with servers of their own on localhost, and with other programs that read what we write. None needs a cluster."""

from __future__ import annotations

from leaks.memory import no_secret_of_another_test

__all__ = ["no_secret_of_another_test"]

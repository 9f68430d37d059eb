# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Looks for secrets in everything that a run of Ansible leaves or shows.

``SECRETS`` are six secrets that layers like to change. ``watching`` is a context around a run of ansible-playbook: it gives the
environment for it, and afterwards ``found`` says which secret stands where and in which form.
"""

from .places import Places, watching
from .secret_forms import SECRETS, Finder, forms

__all__ = ["SECRETS", "Finder", "Places", "forms", "watching"]

# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options:
  namespaces:
    description:
      - Names or globs of namespaces, a list of texts; V(['*']) is all of them. This or O(namespace_selectors) is required.
      - V(kube-*), V(openshift) and V(openshift-*) are chosen only by their exact name.
      - An exact name that does not exist is a failure for that namespace. In check mode it is told and does not fail,
        since an earlier task may be the one that makes it.
      - A namespace that is being deleted is skipped and named.
      - An empty list selects nothing, and warns.
    type: raw
  namespace_selectors:
    description:
      - Label selectors, a list of texts such as V(team=a,stage!=test), or one text. A namespace has to match one of them, and
        O(namespaces) where that is given as well.
      - An empty list selects nothing, and warns.
    type: raw
  exclude_namespaces:
    description: Names or globs (a list of texts) that are taken away in the end. Does not stand alone.
    type: raw
"""

    RESULTS = r"""
options:
  results:
    description:
      - Which rows the result holds. V(changed) leaves out what is as it should be, V(all) holds everything.
      - What is left out is still counted in the summary.
    type: str
    choices: [changed, all]
    default: changed
"""

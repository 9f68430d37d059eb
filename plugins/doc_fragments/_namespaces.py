# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options:
  namespaces:
    description:
      - Names or globs of namespaces, a list of strings. V(['*']) selects all. This option or O(namespace_selectors) is required.
      - V(kube-*), V(openshift) and V(openshift-*) are selected only by their exact name.
      - A namespace that is given by its exact name and does not exist is a failure. In check mode it is only reported, because an
        earlier task may create it.
      - A namespace that is being deleted is skipped and reported.
      - An empty list selects nothing and gives a warning.
    type: raw
  namespace_selectors:
    description:
      - A label selector such as V(team=a,stage!=test), which requires both labels, or a list of such selectors. A namespace must
        match at least one selector of the list. If O(namespaces) is given, the namespace must match it, too.
      - An empty list selects nothing and gives a warning.
    type: raw
  exclude_namespaces:
    description:
      - Names or globs of namespaces to exclude from the selection, a list of strings. Requires O(namespaces) or
        O(namespace_selectors).
    type: raw
"""

    RESULTS = r"""
options:
  results:
    description:
      - Which rows to return. V(changed) omits the rows of objects that are already in the desired state. V(all) returns all rows.
      - The summary counts all objects.
    type: str
    choices: [changed, all]
    default: changed
"""

# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE to the collection: what it does is in plugins/action/compare_clusters.py.
from __future__ import annotations

DOCUMENTATION = r"""
module: compare_clusters
author: pullpass.registry maintainers (@pullpass)
short_description: Find hosts of a play that stand for the same cluster
version_added: 0.1.0
description:
  - Internal module of the role C(pullpass.registry.cluster_pull_access). It runs after M(pullpass.registry.check_variables).
  - Two hosts that take their cluster from the environment are an error. Two hosts that write the same Secret on the same server
    are an error if their namespaces overlap and their credentials differ, else a warning.
  - Compares each host with the hosts of the play that were checked before it. With C(strategy=free) or C(serial) these are not
    all hosts.
options:
  claim:
    description:
      - What M(pullpass.registry.check_variables) returned for this host.
    type: dict
    required: true
extends_documentation_fragment:
  - pullpass.registry._attributes
attributes:
  check_mode:
    support: full
  diff_mode:
    support: none
  idempotent:
    support: full
"""

EXAMPLES = r"""
- name: Compare this cluster with those of the other hosts of the play
  pullpass.registry.compare_clusters:
    claim: "{{ checked.claim }}"
"""

RETURN = r"""#"""

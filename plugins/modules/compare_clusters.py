# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE to the collection: what it does is in plugins/action/compare_clusters.py.
from __future__ import annotations

DOCUMENTATION = r"""
module: compare_clusters
author: pullpass.registry maintainers (@pullpass)
short_description: Find hosts of a play that stand for the same cluster
version_added: 0.1.0
description:
  - A task of the role C(pullpass.registry.cluster_pull_access), after M(pullpass.registry.check_variables). Not made for other
    use.
  - Two hosts that take their cluster from the environment are an error, and so are two that write the same Secret on the same
    server with other credentials where their namespaces overlap. Other hosts with the same server and Secret get a warning.
  - Compared are the hosts of the play that have been checked before. With C(strategy=free), or C(serial) in a play by itself,
    these are not all hosts.
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

# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE to the collection.
"""A canary from its options to its result."""

from __future__ import annotations

import time
import typing as t
from dataclasses import dataclass, field

from .._cluster.namespaces import open_namespaces
from .._cluster.objects import list_all
from .._concurrency import for_each
from .._errors import FailureKind, InputError, RequestError
from .._reconcile.targets import closed_outcomes
from .._text import listed, shown
from .cluster import CanaryCluster
from .model import FoundNode, Target, found_node
from .report import FAILED, SKIPPED, Attempt, accepted, admitted_pod, in_order, refused
from .watch import CanaryRun

if t.TYPE_CHECKING:
    from collections.abc import Sequence

    from .._cluster.api import Api
    from .._cluster.namespaces import Chosen
    from .model import Canary, Leftover


ONE, ALL = "one", "all"
# more pulls than these are worth a word about the registry's rate limit
_FEW_PULLS = 10


@dataclass
class CanaryTask:
    """``nodes`` is ONE, ALL or a label selector. After ``attempts``, failed or not, come ``swept`` (names) and ``warnings``."""

    api: Api
    chosen: Chosen
    canary: Canary
    nodes: str
    workers: int
    check_mode: bool
    swept: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    _freed: dict[str, float] = field(default_factory=dict)

    def attempts(self) -> list[Attempt]:
        """All there is to tell, by namespace and node. Raises PullpassError where nothing can be tried at all."""
        cluster = CanaryCluster(self.api, self.canary, self.chosen.listed, self.workers, self.check_mode)
        done = [
            Attempt(one.namespace, None, one.step.action, one.step.message)
            for one in closed_outcomes(self.chosen, "", self.check_mode)
        ]
        namespaces = [namespace.name for namespace in open_namespaces(self.chosen)]
        if namespaces:
            nodes = self._nodes()
            done += [Attempt(None, node.name, SKIPPED, f"the node {node.unfit}") for node in nodes if node.unfit]
            targets, barred = self._allowed(cluster, self._targets(namespaces, [node for node in nodes if not node.unfit]))
            self._warn_of_cost(len(targets))
            done += barred + (self._tried_out(cluster, targets) if self.check_mode else self._run(cluster, targets))
        return in_order([*done, *_nothing_proven(done)])

    def _nodes(self) -> list[FoundNode]:
        if self.nodes == ONE:
            return []
        selectors = {} if self.nodes == ALL else {"labelSelector": self.nodes}
        try:
            found = list_all(self.api, "nodes", found_node, selectors)
        except RequestError as error:
            if error.kind != FailureKind.REFUSED:
                raise
            raise InputError(f"nodes: '{shown(self.nodes)}' is no label selector to the server: {error}") from None
        if not found:
            raise InputError(
                f"nodes: no node matches '{shown(self.nodes)}'. Give one, all, or a label selector such as "
                "kubernetes.io/hostname=worker-1."
            )
        return found

    def _targets(self, namespaces: Sequence[str], nodes: Sequence[FoundNode]) -> list[Target]:
        places = [None] if self.nodes == ONE else [node.name for node in nodes]
        pairs = [(namespace, node) for namespace in namespaces for node in places]
        return [
            Target(namespace, f"pullpass-canary-{self.canary.run}-{number}", node)
            for number, (namespace, node) in enumerate(pairs, 1)
        ]

    def _allowed(self, cluster: CanaryCluster, targets: Sequence[Target]) -> tuple[list[Target], list[Attempt]]:
        """The targets whose Pods could be watched and removed, and why the others' could not. Sweeps on the way."""
        first = {target.namespace: target for target in reversed(targets)}
        found, barred = cluster.leftovers(list(first))
        probes = [target for namespace, target in first.items() if namespace not in barred]
        barred.update(
            (target.namespace, error)
            for target, error in zip(probes, for_each(probes, cluster.removable, self.workers))
            if error is not None
        )
        self._sweep(cluster, [one for one in found if one.namespace not in barred])
        attempts = [refused(first[namespace], error, self.check_mode) for namespace, error in barred.items()]
        return [target for target in targets if target.namespace not in barred], attempts

    def _sweep(self, cluster: CanaryCluster, found: Sequence[Leftover]) -> None:
        names = [f"{one.namespace}/{one.name}" for one in found]
        if self.check_mode:
            if names:
                self.warnings.append(f"canary Pods that an earlier run left behind would be removed: {listed(names)}")
            return
        answers = for_each(found, lambda one: cluster.remove(one.namespace, one.name, one.seen), self.workers)
        self._freed = dict.fromkeys((one.namespace for one in found), time.monotonic())
        self.swept += [name for name, trouble in zip(names, answers) if not trouble]
        self._warn_of_remains([f"{name}: {trouble}" for name, trouble in zip(names, answers) if trouble])

    def _tried_out(self, cluster: CanaryCluster, targets: Sequence[Target]) -> list[Attempt]:
        """What a dry run says of each Pod."""

        def try_out(target: Target) -> Attempt:
            try:
                return accepted(self.canary, target, admitted_pod(cluster.create(target)))
            except RequestError as error:
                return refused(target, error, check_mode=True)

        return for_each(targets, try_out, self.workers)

    def _run(self, cluster: CanaryCluster, targets: Sequence[Target]) -> list[Attempt]:
        run = CanaryRun(cluster, self.canary, self.workers, self._freed)
        try:
            return run.run(targets)
        finally:
            self._warn_of_remains(run.troubles)

    def _warn_of_cost(self, pulls: int) -> None:
        if pulls > _FEW_PULLS:
            self.warnings.append(
                f"{pulls} Pods pull the image once each, and each pull counts where the registry limits them. Fewer are chosen "
                "with nodes and namespaces."
            )

    def _warn_of_remains(self, troubles: Sequence[str]) -> None:
        if troubles:
            self.warnings.append(
                f"canary Pods may be left behind, and a run after {self.canary.lifetime} s will try again: {listed(troubles, 5)}"
            )


def _nothing_proven(done: Sequence[Attempt]) -> list[Attempt]:
    """A failure where all nodes were skipped: a canary that proves nothing is not to look like one that does."""
    skipped = any(one.action == SKIPPED and one.node for one in done)
    if not skipped or any(one.action != SKIPPED for one in done):
        return []
    return [Attempt(None, None, FAILED, "every node was skipped, so that nothing is proven")]

# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE to the collection.
"""A canary: chooses nodes, removes leftovers of earlier runs, and sends the Pods."""

from __future__ import annotations

import time
import typing as t
from dataclasses import dataclass, field

from .._cluster.namespaces import open_namespaces
from .._cluster.objects import list_all
from .._concurrency import for_each
from .._errors import FailureKind, InputError, RequestError
from .._reconcile.targets import unavailable_outcomes
from .._text import listed, shown
from .cluster import CanaryCluster
from .model import CanaryAction, CanaryTarget, NodeSnapshot, admitted_pod, node_snapshot
from .report import CanaryOutcome, dry_run_outcome, refused_outcome, sorted_outcomes
from .watch import CanaryWatch

if t.TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from .._cluster.api import Api
    from .._cluster.namespaces import Chosen
    from .model import Canary, Leftover


ONE_NODE, ALL_NODES = "one", "all"
# more pulls get a warning about the registry's rate limit
_FEW_PULLS = 10


@dataclass
class CanaryRun:
    """``nodes`` is ONE_NODE, ALL_NODES or a label selector. ``removed``: leftovers of earlier runs, as namespace/name."""

    api: Api
    chosen: Chosen
    canary: Canary
    nodes: str
    workers: int
    check_mode: bool
    warn: Callable[[str], None]
    removed: list[str] = field(default_factory=list)
    # namespace -> the moment (monotonic) at which a leftover was removed
    _freed: dict[str, float] = field(default_factory=dict)

    def run(self) -> list[CanaryOutcome]:
        """All outcomes, by namespace and node. Raises PullpassError where nothing can be tried at all."""
        cluster = CanaryCluster(self.api, self.canary, self.chosen.listed, self.workers, self.check_mode)
        outcomes = [
            CanaryOutcome(one.namespace, None, one.change.action, one.change.message)
            for one in unavailable_outcomes(self.chosen, "", self.check_mode)
        ]
        namespaces = [namespace.name for namespace in open_namespaces(self.chosen)]
        if namespaces:
            nodes = self._nodes()
            outcomes += [
                CanaryOutcome(None, one.name, CanaryAction.SKIPPED, f"the node {one.unfit}") for one in nodes if one.unfit
            ]
            targets, refused = self._permitted(cluster, self._targets(namespaces, [one for one in nodes if not one.unfit]))
            self._warn_of_rate_limit(len(targets))
            outcomes += refused + (self._dry_run(cluster, targets) if self.check_mode else self.watch(cluster, targets))
        return sorted_outcomes([*outcomes, *_nothing_proven(outcomes)])

    def _nodes(self) -> list[NodeSnapshot]:
        if self.nodes == ONE_NODE:
            return []
        selectors = {} if self.nodes == ALL_NODES else {"labelSelector": self.nodes}
        try:
            found = list_all(self.api, "nodes", node_snapshot, selectors)
        except RequestError as error:
            if error.kind != FailureKind.REFUSED:
                raise
            raise InputError(f"nodes: the server does not accept '{shown(self.nodes)}' as a label selector: {error}") from None
        if not found:
            raise InputError(
                f"nodes: no node matches '{shown(self.nodes)}'. Give one, all, or a label selector such as "
                "kubernetes.io/hostname=worker-1."
            )
        return found

    def _targets(self, namespaces: Sequence[str], nodes: Sequence[NodeSnapshot]) -> list[CanaryTarget]:
        places = [None] if self.nodes == ONE_NODE else [node.name for node in nodes]
        pairs = [(namespace, node) for namespace in namespaces for node in places]
        return [
            CanaryTarget(namespace, f"pullpass-canary-{self.canary.run}-{number}", node)
            for number, (namespace, node) in enumerate(pairs, 1)
        ]

    def _permitted(
        self, cluster: CanaryCluster, targets: Sequence[CanaryTarget]
    ) -> tuple[list[CanaryTarget], list[CanaryOutcome]]:
        """The targets with the rights to list and delete Pods, and outcomes for the others. Removes leftovers."""
        first = {target.namespace: target for target in reversed(targets)}
        found, refused = cluster.leftovers(list(first))
        listed_targets = [target for namespace, target in first.items() if namespace not in refused]
        errors = for_each(listed_targets, cluster.delete_error, self.workers)
        refused.update((target.namespace, error) for target, error in zip(listed_targets, errors) if error is not None)
        self._remove_leftovers(cluster, [one for one in found if one.namespace not in refused])
        outcomes = [refused_outcome(first[namespace], error, self.check_mode) for namespace, error in refused.items()]
        return [target for target in targets if target.namespace not in refused], outcomes

    def _remove_leftovers(self, cluster: CanaryCluster, found: Sequence[Leftover]) -> None:
        names = [f"{one.namespace}/{one.name}" for one in found]
        if self.check_mode:
            if names:
                self.warn(f"canary Pods that an earlier run left behind would be removed: {listed(names)}")
            return
        errors = for_each(found, lambda one: cluster.remove(one.namespace, one.name, one.seen), self.workers)
        self._freed = dict.fromkeys((one.namespace for one in found), time.monotonic())
        self.removed += [name for name, error in zip(names, errors) if not error]
        self._warn_of_leftovers([f"{name}: {error}" for name, error in zip(names, errors) if error])

    def _dry_run(self, cluster: CanaryCluster, targets: Sequence[CanaryTarget]) -> list[CanaryOutcome]:
        def create(target: CanaryTarget) -> CanaryOutcome:
            try:
                return dry_run_outcome(self.canary, target, admitted_pod(cluster.create(target)))
            except RequestError as error:
                return refused_outcome(target, error, check_mode=True)

        return for_each(targets, create, self.workers)

    def watch(self, cluster: CanaryCluster, targets: Sequence[CanaryTarget]) -> list[CanaryOutcome]:
        """Raises Interrupted after all Pods are removed."""
        watch = CanaryWatch(cluster, self.canary, self.workers, self._freed)
        try:
            return watch.run(targets)
        finally:
            self._warn_of_leftovers(watch.not_removed)

    def _warn_of_rate_limit(self, pulls: int) -> None:
        if pulls > _FEW_PULLS:
            self.warn(
                f"{pulls} Pods pull the image once each, and each pull counts towards the registry's rate limit. Choose fewer "
                "with nodes and namespaces."
            )

    def _warn_of_leftovers(self, reasons: Sequence[str]) -> None:
        if reasons:
            self.warn(
                f"canary Pods may be left behind. A run after {self.canary.lifetime} s tries again to remove them: "
                f"{listed(reasons, 5)}"
            )


def _nothing_proven(outcomes: Sequence[CanaryOutcome]) -> list[CanaryOutcome]:
    """A failure where all nodes were skipped: a run that proves nothing is not a success."""
    skipped = any(one.action == CanaryAction.SKIPPED and one.node for one in outcomes)
    if not skipped or any(one.action != CanaryAction.SKIPPED for one in outcomes):
        return []
    return [CanaryOutcome(None, None, CanaryAction.FAILED, "every node was skipped, so nothing is proven")]

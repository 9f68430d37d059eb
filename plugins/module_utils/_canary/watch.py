# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE to the collection.
"""Creates canary Pods, watches them until each pull is decided, and removes them, also when the run is interrupted."""

from __future__ import annotations

import contextlib
import signal
import threading
import time
import typing as t
from collections import Counter
from dataclasses import dataclass, field

from .._concurrency import for_each
from .._errors import ClusterError, FailureKind, PullpassError, RequestError
from .cluster import CanaryCluster, seen_in
from .model import AdmittedPod, CanaryAction, admitted_pod
from .report import CanaryOutcome, decided_outcome, proof_obstacle, refused_outcome
from .verdict import PullStatus, deleted_pod_status, pull_status, status_at_timeout

if t.TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from .._cluster.objects import Seen
    from .model import Canary, CanaryTarget


_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
# Pods of one run that exist at a time: other Pods need room in the cluster too
_MOST_PODS = 100
_FIRST_PAUSE, _LONGEST_PAUSE, _GROWTH = 0.5, 2.0, 1.3
# Seconds until a quota counts a deleted Pod
_RECOUNT = 15.0


class Interrupted(PullpassError):
    """A signal ended the run."""

    def __init__(self, number: int) -> None:
        super().__init__(
            f"ended by {signal.Signals(number).name} before all was decided. The canary Pods of this run were removed first, "
            "except those that a warning names."
        )


class SignalGuard:
    """While it is entered, signals end nothing, except that the first one raises Interrupted inside ``interruptible()``.

    A signal that came before raises it at the beginning. Only in the main thread; a signal that the caller ignores (nohup) stays
    ignored.
    """

    def __init__(self) -> None:
        self._number: int | None = None
        self._interruptible = False
        self._handlers: dict[signal.Signals, t.Any] = {}

    def __enter__(self) -> SignalGuard:
        if threading.current_thread() is threading.main_thread():
            handled = [number for number in _SIGNALS if signal.getsignal(number) is not signal.SIG_IGN]
            self._handlers = {number: signal.signal(number, self._receive) for number in handled}
        return self

    def __exit__(self, *_exception: object) -> None:
        for number, handler in self._handlers.items():
            signal.signal(number, handler)

    @contextlib.contextmanager
    def interruptible(self) -> Iterator[None]:
        self._interruptible = True
        try:
            if self._number is not None:
                raise Interrupted(self._number)
            yield
        finally:
            self._interruptible = False

    def _receive(self, number: int, _frame: object) -> None:
        first, self._number = self._number is None, number
        if first and self._interruptible:
            raise Interrupted(number)


@dataclass(frozen=True)
class WatchedPod:
    """``since``: the moment (monotonic) of its creation."""

    target: CanaryTarget
    seen: Seen
    admitted: AdmittedPod
    since: float


@dataclass(frozen=True)
class QuotaFull:
    """A quota refused the Pod, perhaps because of other Pods of this run."""

    error: RequestError


@dataclass
class CanaryWatch:
    """``not_removed``: Pods that could not be removed, and why.

    ``freed``: namespace -> the moment (monotonic) at which the last canary Pod was removed, perhaps a leftover.
    """

    cluster: CanaryCluster
    canary: Canary
    workers: int
    freed: dict[str, float] = field(default_factory=dict)
    not_removed: list[str] = field(default_factory=list)
    _outcomes: list[CanaryOutcome] = field(default_factory=list)
    _watched: dict[str, WatchedPod] = field(default_factory=dict)
    # name -> each Pod that exists, or may exist
    _created: dict[str, CanaryTarget] = field(default_factory=dict)
    # namespaces whose quota was full -> Pods of this run that were removed since
    _full: dict[str, int] = field(default_factory=dict)
    _lost: threading.Event = field(default_factory=threading.Event)

    def run(self, targets: Sequence[CanaryTarget]) -> list[CanaryOutcome]:
        """An outcome for each target. Raises Interrupted. All Pods are removed first."""
        with SignalGuard() as guard:
            try:
                with guard.interruptible():
                    self._watch(targets)
            finally:
                self._remove_all()
        return self._outcomes

    def _watch(self, targets: Sequence[CanaryTarget]) -> None:
        waiting = list(targets)
        pause = _FIRST_PAUSE
        while waiting or self._watched:
            left = self._create_some(waiting)
            pause = _FIRST_PAUSE if len(left) < len(waiting) else min(_LONGEST_PAUSE, pause * _GROWTH)
            waiting = left
            if waiting or self._watched:
                time.sleep(pause)
            if self._watched:
                self._update()

    def _create_some(self, waiting: Sequence[CanaryTarget]) -> list[CanaryTarget]:
        """Creates as many Pods as may exist at a time; returns the targets that are left."""
        chosen = self._next_targets(waiting)
        self._created.update((target.name, target) for target in chosen)
        left = {target.name: target for target in waiting}
        refused: list[tuple[CanaryTarget, RequestError]] = []
        for target, result in zip(chosen, for_each(chosen, self._create, self.workers)):
            if isinstance(result, QuotaFull):
                refused.append((target, result.error))
                continue
            left.pop(target.name)
            if isinstance(result, WatchedPod):
                self._watched[target.name] = result
            else:
                self._outcomes.append(result)
        for target, error in refused:
            self._created.pop(target.name)
            if self._may_free_quota(target.namespace):
                self._full[target.namespace] = 0
            else:
                self._outcomes.append(refused_outcome(left.pop(target.name), error, check_mode=False))
        return list(left.values())

    def _next_targets(self, waiting: Sequence[CanaryTarget]) -> list[CanaryTarget]:
        """Where a quota is full, as many as Pods were removed there, and one at least, to try whether it is still full."""
        chosen: list[CanaryTarget] = []
        per_namespace: Counter[str] = Counter()
        for target in waiting:
            if len(chosen) + len(self._watched) >= _MOST_PODS:
                break
            room = self._full.get(target.namespace)
            if room is None or per_namespace[target.namespace] < max(1, room):
                chosen.append(target)
                per_namespace[target.namespace] += 1
        for namespace in self._full.keys() & per_namespace.keys():
            self._full[namespace] = 0
        return chosen

    def _may_free_quota(self, namespace: str) -> bool:
        """Whether Pods of this run use the quota, or used it a moment ago."""
        watched = any(one.target.namespace == namespace for one in self._watched.values())
        return watched or time.monotonic() - self.freed.get(namespace, -_RECOUNT) < _RECOUNT

    def _create(self, target: CanaryTarget) -> WatchedPod | CanaryOutcome | QuotaFull:
        place = (target.namespace, target.node)
        if self._lost.is_set():
            self._created.pop(target.name)
            return CanaryOutcome(*place, CanaryAction.FAILED, "not tried, because the cluster stopped answering")
        try:
            item = self.cluster.create(target)
        except ClusterError as error:
            self._lost.set()
            return refused_outcome(target, error, check_mode=False)
        except RequestError as error:
            if error.kind == FailureKind.QUOTA:
                return QuotaFull(error)
            if error.kind not in (FailureKind.UNCERTAIN, FailureKind.MALFORMED):
                self._created.pop(target.name)
            return refused_outcome(target, error, check_mode=False)
        admitted = admitted_pod(item)
        obstacle = proof_obstacle(self.canary, admitted)
        if obstacle:
            # at once, because no list finds a Pod without its label
            self.not_removed += self._remove([(target, seen_in(item))])
            return CanaryOutcome(*place, CanaryAction.FAILED, obstacle)
        return WatchedPod(target, seen_in(item), admitted, time.monotonic())

    def _update(self) -> None:
        """Lists all Pods, and removes those whose pull is decided."""
        watched = list(self._watched.values())
        pods, errors = self._list(one.target.namespace for one in watched)

        def outcome(one: WatchedPod) -> CanaryOutcome | None:
            error = errors.get(one.target.namespace)
            if error is not None:
                return self._outcome(one, None, PullStatus(CanaryAction.FAILED, f"the Pod cannot be watched: {error}"))
            return self._decide(one, pods.get(one.target.name))

        decided = []
        for one, found in zip(watched, for_each(watched, outcome, self.workers)):
            if found is not None:
                self._outcomes.append(found)
                del self._watched[one.target.name]
                pod = pods.get(one.target.name)
                decided.append((one.target, one.seen if pod is None else seen_in(pod)))
        if self._lost.is_set():  # each removal would wait for the cluster: one try at the end is enough
            return
        self._remove(decided)
        for target, _seen in decided:
            if target.namespace in self._full:
                self._full[target.namespace] += 1

    def _list(self, namespaces: Iterable[str]) -> tuple[Mapping[str, Mapping[str, t.Any]], Mapping[str, Exception]]:
        """The Pods of this run by name, and namespace -> why its Pods cannot be listed."""
        unique = sorted(set(namespaces))
        try:
            return self.cluster.list_pods(unique)
        except (ClusterError, RequestError) as error:
            self._lost.set()
            return {}, dict.fromkeys(unique, error)

    def _decide(self, one: WatchedPod, pod: Mapping[str, t.Any] | None) -> CanaryOutcome | None:
        """None while nothing is decided."""
        seconds = time.monotonic() - one.since
        late = seconds > self.canary.timeout
        if pod is None:
            return self._outcome(one, None, deleted_pod_status(self._events(one)))
        status = pull_status(pod)
        if status.needs_events or (late and status.action is None):
            status = pull_status(pod, self._events(one))
        if late or (status.retry_seconds is not None and seconds > status.retry_seconds):
            status = status_at_timeout(status, self.canary.timeout)
        return None if status.action is None else self._outcome(one, pod["spec"].get("nodeName"), status)

    def _events(self, one: WatchedPod) -> t.Any:
        return self.cluster.events(one.target.namespace, one.seen.uid)

    def _outcome(self, one: WatchedPod, node: str | None, status: PullStatus) -> CanaryOutcome:
        return decided_outcome(self.canary, one.target, one.admitted, node, status, time.monotonic() - one.since)

    def _remove(self, pods: Sequence[tuple[CanaryTarget, Seen]]) -> list[str]:
        """Why some of them could not be removed."""

        def remove(pod: tuple[CanaryTarget, Seen]) -> str:
            target, seen = pod
            error = self.cluster.remove(target.namespace, target.name, seen)
            if error:
                return f"{target.namespace}/{target.name}: {error}"
            self._created.pop(target.name, None)
            self.freed[target.namespace] = time.monotonic()
            return ""

        return [error for error in for_each(pods, remove, self.workers) if error]

    def _remove_all(self) -> None:
        """Removes the Pods that still exist, also those whose creation was not confirmed."""
        if not self._created:
            return
        pods, errors = self._list(target.namespace for target in self._created.values())
        self.not_removed += [f"{namespace}: {error}" for namespace, error in errors.items()]
        self.not_removed += self._remove(
            [(self._created[name], seen_in(pod)) for name, pod in pods.items() if name in self._created]
        )

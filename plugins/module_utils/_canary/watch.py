# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# PRIVATE to the collection.
"""Canary Pods are created, watched until each pull is decided, and removed, also when the run is interrupted."""

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
from .report import FAILED, Admitted, Attempt, admitted_pod, decided, refused, useless
from .verdict import Judgement, at_time_out, judge, judge_lost

if t.TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from .._cluster.objects import Seen
    from .model import Canary, Target


_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


class Interrupted(PullpassError):
    """Whoever runs the task wants it to end."""

    def __init__(self, number: int) -> None:
        super().__init__(
            f"ended by {signal.Signals(number).name} before all was decided. The canary Pods of this run were taken away first, "
            "but for those that a warning names."
        )


class Interruption:
    """While it is entered these signals end nothing, but for the first one in a ``with heard()``: Interrupted is raised there.

    Those that came before are told at its beginning. Only in the main thread, and no signal that the caller has ignored (nohup).
    """

    def __init__(self) -> None:
        self._number: int | None = None
        self._open = False
        self._before: dict[signal.Signals, t.Any] = {}

    def __enter__(self) -> Interruption:
        if threading.current_thread() is threading.main_thread():
            minded = [number for number in _SIGNALS if signal.getsignal(number) is not signal.SIG_IGN]
            self._before = {number: signal.signal(number, self._hear) for number in minded}
        return self

    def __exit__(self, *_exception: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    @contextlib.contextmanager
    def heard(self) -> Iterator[None]:
        """What happens in here is broken off; what comes after, such as a ``finally`` around it, is not."""
        self._open = True
        try:
            if self._number is not None:
                raise Interrupted(self._number)
            yield
        finally:
            self._open = False

    def _hear(self, number: int, _frame: object) -> None:
        first, self._number = self._number is None, number
        if first and self._open:
            raise Interrupted(number)


# Pods of one run that are there at a time: the cluster needs its room for other things
_MOST_PODS = 100
_FIRST_PAUSE, _LONGEST_PAUSE, _GROWTH = 0.5, 2.0, 1.3
# a quota is counted anew only a while after a Pod has gone (seconds)
_RECOUNT = 15.0


@dataclass(frozen=True)
class Alive:
    """A Pod that is there. ``since`` is the moment (monotonic) of its creation."""

    target: Target
    seen: Seen
    admitted: Admitted
    since: float


@dataclass(frozen=True)
class Full:
    """Stands for a Pod that a quota does not take, perhaps only because of others of this run."""

    error: RequestError


@dataclass
class CanaryRun:
    """One run. ``troubles`` tells of Pods that could not be removed.

    ``freed``: namespace -> the moment (monotonic) at which the last canary Pod went from it, one of a dead run perhaps.
    """

    cluster: CanaryCluster
    canary: Canary
    workers: int
    freed: dict[str, float] = field(default_factory=dict)
    troubles: list[str] = field(default_factory=list)
    _done: list[Attempt] = field(default_factory=list)
    _alive: dict[str, Alive] = field(default_factory=dict)
    # name -> each Pod that is there, or may be
    _begun: dict[str, Target] = field(default_factory=dict)
    # namespaces whose quota was full once -> Pods of ours that went since
    _full: dict[str, int] = field(default_factory=dict)
    _lost: threading.Event = field(default_factory=threading.Event)

    def run(self, targets: Sequence[Target]) -> list[Attempt]:
        """An attempt for each target. Raises Interrupted; no Pod stays that can be removed."""
        with Interruption() as interruption:
            try:
                with interruption.heard():
                    self._watch(targets)
            finally:
                self._clear()
        return self._done

    def _watch(self, targets: Sequence[Target]) -> None:
        waiting = list(targets)
        pause = _FIRST_PAUSE
        while waiting or self._alive:
            left = self._send(waiting)
            pause = _FIRST_PAUSE if len(left) < len(waiting) else min(_LONGEST_PAUSE, pause * _GROWTH)
            waiting = left
            if waiting or self._alive:
                time.sleep(pause)
            if self._alive:
                self._look()

    def _send(self, waiting: Sequence[Target]) -> list[Target]:
        """Creates as many Pods as may be there at a time; gives the targets that are left."""
        free = self._free(waiting)
        self._begun.update((target.name, target) for target in free)
        left = {target.name: target for target in waiting}
        held: list[tuple[Target, RequestError]] = []
        for target, begun in zip(free, for_each(free, self._begin, self.workers)):
            if isinstance(begun, Full):
                held.append((target, begun.error))
                continue
            left.pop(target.name)
            if isinstance(begun, Alive):
                self._alive[target.name] = begun
            else:
                self._done.append(begun)
        for target, error in held:
            self._begun.pop(target.name)
            if self._makes_room(target.namespace):
                self._full[target.namespace] = 0
            else:
                self._done.append(refused(left.pop(target.name), error, check_mode=False))
        return list(left.values())

    def _free(self, waiting: Sequence[Target]) -> list[Target]:
        """Those whose turn it is. Where a quota is full, as many as have gone; one at least, to see whether it still is."""
        free: list[Target] = []
        asked: Counter[str] = Counter()
        for target in waiting:
            if len(free) + len(self._alive) >= _MOST_PODS:
                break
            room = self._full.get(target.namespace)
            if room is None or asked[target.namespace] < max(1, room):
                free.append(target)
                asked[target.namespace] += 1
        for namespace in self._full.keys() & asked.keys():
            self._full[namespace] = 0
        return free

    def _makes_room(self, namespace: str) -> bool:
        """Whether the end of a Pod of this run can help a quota, or has just done so."""
        there = any(one.target.namespace == namespace for one in self._alive.values())
        return there or time.monotonic() - self.freed.get(namespace, -_RECOUNT) < _RECOUNT

    def _begin(self, target: Target) -> Alive | Attempt | Full:
        if self._lost.is_set():
            self._begun.pop(target.name)
            return Attempt(target.namespace, target.node, FAILED, "not tried, because the cluster stopped answering")
        try:
            item = self.cluster.create(target)
        except ClusterError as error:
            self._lost.set()
            return refused(target, error, check_mode=False)
        except RequestError as error:
            if error.kind == FailureKind.QUOTA:
                return Full(error)
            if error.kind not in (FailureKind.UNCERTAIN, FailureKind.MALFORMED):
                self._begun.pop(target.name)
            return refused(target, error, check_mode=False)
        admitted = admitted_pod(item)
        why = useless(self.canary, admitted)
        if why:
            # now: without its label it could not be found again
            self.troubles += self._remove([(target, seen_in(item))])
            return Attempt(target.namespace, target.node, FAILED, why)
        return Alive(target, seen_in(item), admitted, time.monotonic())

    def _look(self) -> None:
        """Judges all Pods by one look, and takes away those whose pull is decided."""
        alive = list(self._alive.values())
        pods, refusals = self._pods(one.target.namespace for one in alive)

        def attempt(one: Alive) -> Attempt | None:
            trouble = refusals.get(one.target.namespace)
            if trouble is not None:
                return self._told(one, None, Judgement(FAILED, f"the Pod cannot be watched: {trouble}"))
            return self._attempt(one, pods.get(one.target.name))

        gone = []
        for one, told in zip(alive, for_each(alive, attempt, self.workers)):
            if told is not None:
                self._done.append(told)
                del self._alive[one.target.name]
                pod = pods.get(one.target.name)
                gone.append((one.target, one.seen if pod is None else seen_in(pod)))
        if self._lost.is_set():  # each removal would wait for the cluster in vain: once, at the end, is enough
            return
        self._remove(gone)
        for target, _seen in gone:
            if target.namespace in self._full:
                self._full[target.namespace] += 1

    def _pods(self, namespaces: Iterable[str]) -> tuple[Mapping[str, Mapping[str, t.Any]], Mapping[str, Exception]]:
        """The Pods of this run by name, and why they cannot be seen in a namespace."""
        unique = sorted(set(namespaces))
        try:
            return self.cluster.look(unique)
        except (ClusterError, RequestError) as error:
            self._lost.set()
            return {}, dict.fromkeys(unique, error)

    def _attempt(self, one: Alive, pod: Mapping[str, t.Any] | None) -> Attempt | None:
        """None while nothing is decided."""
        seconds = time.monotonic() - one.since
        late = seconds > self.canary.timeout
        if pod is None:
            return self._told(one, None, judge_lost(self._events(one)))
        judgement = judge(pod)
        if judgement.unsure or (late and judgement.action is None):
            judgement = judge(pod, self._events(one))
        if late or (judgement.patience is not None and seconds > judgement.patience):
            judgement = at_time_out(judgement, self.canary.timeout)
        return None if judgement.action is None else self._told(one, pod["spec"].get("nodeName"), judgement)

    def _events(self, one: Alive) -> t.Any:
        return self.cluster.events(one.target.namespace, one.seen.uid)

    def _told(self, one: Alive, node: str | None, judgement: Judgement) -> Attempt:
        return decided(self.canary, one.target, one.admitted, node, judgement, time.monotonic() - one.since)

    def _remove(self, pods: Sequence[tuple[Target, Seen]]) -> list[str]:
        """What was in the way of each that could not be removed."""

        def remove(pod: tuple[Target, Seen]) -> str:
            target, seen = pod
            trouble = self.cluster.remove(target.namespace, target.name, seen)
            if trouble:
                return f"{target.namespace}/{target.name}: {trouble}"
            self._begun.pop(target.name, None)
            self.freed[target.namespace] = time.monotonic()
            return ""

        return [trouble for trouble in for_each(pods, remove, self.workers) if trouble]

    def _clear(self) -> None:
        """Takes away what is still there, also Pods of which it is not known whether they were made."""
        if not self._begun:
            return
        pods, refusals = self._pods(target.namespace for target in self._begun.values())
        self.troubles += [f"{namespace}: {error}" for namespace, error in refusals.items()]
        left = [(self._begun[name], seen_in(pod)) for name, pod in pods.items() if name in self._begun]
        self.troubles += self._remove(left)

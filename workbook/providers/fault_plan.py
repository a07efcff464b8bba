"""Which request meets which fault: a schedule that a seed replays exactly."""

from __future__ import annotations

import random
from collections.abc import Mapping
from itertools import chain

from workbook.providers.options import Fault, FaultAt, Options

__all__ = ["FaultPlan"]


class FaultPlan:
    """Hands each data request its fault, or none.

    For one request the first of these that has something to say decides:

    1. a rule of `faults_at` that matches and has turns left (the schedule below then stands still);
    2. the schedule: `faults` in order, then `faults_spread` in the seed's order; `faults_repeat` starts it
       over;
    3. with probability `fault_rate`, one of `fault_mix`.

    Two plans of equal options and seed give equal answers to equal requests.
    """

    def __init__(self, options: Options, seed: int) -> None:
        self._random = random.Random(f"faults:{seed}")
        self._rules = [_Rule(rule) for rule in options.faults_at]
        self._schedule = [*options.faults, *self._spread(options)]
        self._repeat = options.faults_repeat
        self._rate = options.fault_rate
        self._mix = options.fault_mix
        self._next = 0

    def next_fault(self, method: str, path: str, query: Mapping[str, str]) -> Fault | None:
        """The fault for this request; `None` lets it through."""
        for rule in self._rules:
            if rule.takes(method, path, query):
                return rule.fault
        if self._repeat and self._next >= len(self._schedule):
            self._next = 0
        if self._next < len(self._schedule):
            self._next += 1
            return self._schedule[self._next - 1]
        if self._mix and self._random.random() < self._rate:
            return self._mix[int(self._random.random() * len(self._mix))]
        return None

    def _spread(self, options: Options) -> list[Fault | None]:
        if options.faults_spread is None:
            return []
        groups: list[list[Fault | None]] = [list(group) for group in options.faults_spread.groups]
        groups += [[None] for _ in range(options.faults_spread.calm)]
        groups.sort(key=lambda _: self._random.random())
        return list(chain.from_iterable(groups))


class _Rule:
    """A rule of `faults_at` and the turns it has left."""

    def __init__(self, rule: FaultAt) -> None:
        self._rule = rule
        self._turns = rule.times
        self.fault = rule.fault

    def takes(self, method: str, path: str, query: Mapping[str, str]) -> bool:
        """Whether the rule applies to this request; if so, one turn is used up."""
        rule = self._rule
        if self._turns == 0 or rule.method not in (None, method) or rule.path not in (None, path):
            return False
        if any(query.get(name) != value for name, value in rule.query.items()):
            return False
        if self._turns is not None:
            self._turns -= 1
        return True

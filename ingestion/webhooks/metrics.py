# Made from solutions/m02_push/09_receiver.ipynb: edit it there.
"""What the receiver counts, as Prometheus reads it: a handful of lines, so there is no client library to carry."""

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator, Sequence

__all__ = ["Histogram", "Metrics"]


class Histogram:
    """Counts values by size, in buckets that are fixed from the start."""

    def __init__(self, name: str, about: str, bounds: Sequence[float]) -> None:
        self.name = name
        self.about = about
        self._bounds = tuple(bounds)
        self._counts = [0] * (len(bounds) + 1)
        self._sum = 0.0

    def add(self, value: float) -> None:
        """Count one value."""
        self._counts[bisect_left(self._bounds, value)] += 1
        self._sum += value

    def lines(self) -> Iterator[str]:
        """Spell it for Prometheus: each bucket counts the smaller ones too."""
        yield f"# HELP {self.name} {self.about}"
        yield f"# TYPE {self.name} histogram"
        total = 0
        for bound, count in zip([*map(str, self._bounds), "+Inf"], self._counts, strict=True):
            total += count
            yield f'{self.name}_bucket{{le="{bound}"}} {total}'
        yield f"{self.name}_sum {self._sum}"
        yield f"{self.name}_count {total}"


class Metrics:
    """The receiver's counters. Labels are a provider with a secret or `unknown`, and what was answered: never more."""

    def __init__(self) -> None:
        self.answers: Counter[tuple[str, str]] = Counter()
        self.batch_rows = Histogram(
            "webhook_batch_deliveries", "Deliveries in one transaction", (1, 2, 5, 10, 20, 50, 100, 200, 500)
        )
        self.commit_s = Histogram(
            "webhook_commit_seconds",
            "From taking a batch to its commit",
            (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5, 1, 5),
        )
        self.waiting = 0

    def count_commit(self, rows: int, seconds: float) -> None:
        """Count one transaction."""
        self.batch_rows.add(rows)
        self.commit_s.add(seconds)

    def text(self) -> str:
        """Give everything in the text format 0.0.4."""
        lines = [
            "# HELP webhook_answers_total Requests to /webhooks by provider and answer",
            "# TYPE webhook_answers_total counter",
            *(
                f'webhook_answers_total{{provider="{provider}",answer="{answer}"}} {count}'
                for (provider, answer), count in sorted(self.answers.items())
            ),
            "# HELP webhook_waiting Deliveries that wait for a writer",
            "# TYPE webhook_waiting gauge",
            f"webhook_waiting {self.waiting}",
            *self.batch_rows.lines(),
            *self.commit_s.lines(),
        ]
        return "\n".join(lines) + "\n"

# Made from solutions/m01_rest/09_circuit_breaker.ipynb: edit it there.
"""Leave to send one request, which is owed a report."""

from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Self

from ingestion.resilience.upstream import Verdict

__all__ = ["Permit"]


class Permit:
    """Leave to send one request. Its first verdict counts; leaving `async with` without one abandons it."""

    def __init__(self, report: Callable[[Verdict], Awaitable[None]]) -> None:
        self._report: Callable[[Verdict], Awaitable[None]] | None = report

    async def settle(self, verdict: Verdict) -> None:
        """Report what came of the request."""
        if self._report is not None:
            report, self._report = self._report, None
            await report(verdict)

    async def succeeded(self) -> None:
        """Report that the upstream is alive."""
        await self.settle(Verdict.SUCCEEDED)

    async def failed(self) -> None:
        """Report that the upstream is ailing."""
        await self.settle(Verdict.FAILED)

    async def abandoned(self) -> None:
        """Report that nothing was learnt: another request may probe in its place."""
        await self.settle(Verdict.ABANDONED)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.abandoned()

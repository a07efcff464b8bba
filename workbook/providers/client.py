"""A session of the mock provider as tests and lessons hold it: its address, its journal, its options."""

from __future__ import annotations

import os
import ssl
from functools import lru_cache
from types import TracebackType
from typing import Any

import httpx

__all__ = ["MockSession", "open_session"]


class MockSession:
    """An open session. Closing it, or leaving its `with` block, makes its address answer 404.

    Attributes:
        base_url: Where its endpoints are, such as `http://127.0.0.1:8090/s/1f2e3d4c`.
    """

    def __init__(self, base_url: str) -> None:
        self.base_url = base_url
        self._controls = _controls(base_url)

    def journal(self) -> list[dict[str, Any]]:
        """Every request that the session received, in order of arrival: see `journal.Entry`."""
        entries: list[dict[str, Any]] = _checked(self._controls.get("/journal")).json()
        return entries

    def requests(self) -> int:
        """How many requests the session received."""
        requests: int = self.summary()["requests"]
        return requests

    def summary(self) -> dict[str, Any]:
        """The journal in numbers: see `journal.Summary`."""
        summary: dict[str, Any] = _checked(self._controls.get("/journal/summary")).json()
        return summary

    def clear_journal(self) -> None:
        """Forget every request so far."""
        _checked(self._controls.delete("/journal"))

    def change(self, **options: Any) -> None:
        """Change options while the session is open: see `sessions.Session.change`."""
        _checked(self._controls.patch("/options", json=options))

    def close(self) -> None:
        """Close the session."""
        self._controls.delete("/session")
        self._controls.close()

    def __enter__(self) -> MockSession:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def open_session(scenario: str = "calm", *, seed: int = 0, root: str | None = None, **options: Any) -> MockSession:
    """Open a session on a running provider.

    Args:
        scenario: One of `scenarios.SCENARIOS`.
        seed: Decides everything that the scenario leaves open.
        root: The provider's address; `MOCK_API_URL` if left out.
        options: In place of the scenario's own: see the table in `scenarios.py`.

    Raises:
        ValueError: No such scenario or option; the message names those there are.
        LookupError: No `root` and no `MOCK_API_URL`.
    """
    root = root or os.environ.get("MOCK_API_URL")
    if not root:
        raise LookupError("MOCK_API_URL is not set: run `make up`, or pass root=")
    new = {"scenario": scenario, "seed": seed, "options": options}
    with _controls(root.rstrip("/")) as controls:
        answer = _checked(controls.post("/sessions", json=new))
    return MockSession(answer.json()["base_url"])


def _controls(base_url: str) -> httpx.Client:
    """A client of the controls. It keeps no connection open, so a session that nobody closes leaks none."""
    return httpx.Client(
        base_url=f"{base_url}/_mock",
        headers={"Connection": "close"},
        timeout=30,
        trust_env=False,
        verify=_certificates(),
    )


@lru_cache(maxsize=1)
def _certificates() -> ssl.SSLContext:
    """Loading these takes longer than all the rest of opening a session."""
    return ssl.create_default_context()


def _checked(answer: httpx.Response) -> httpx.Response:
    if answer.status_code == 422:
        body = answer.json()
        raise ValueError(body.get("error", body).get("message", body))
    return answer.raise_for_status()

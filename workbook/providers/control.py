"""The provider's own controls under `/_mock`: open a session, read its journal, change its options."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Body, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from workbook.providers.scenarios import SCENARIOS
from workbook.providers.sessions import DEFAULT_SESSION, Session, Sessions

__all__ = ["router"]

router = APIRouter(tags=["controls"])


class NewSession(BaseModel):
    """What a session is opened with; the options are listed in `scenarios.py`."""

    model_config = ConfigDict(extra="forbid")

    scenario: str = "calm"
    seed: int = 0
    options: dict[str, Any] = Field(default_factory=dict)


class OpenedSession(BaseModel):
    """Where an opened session is found."""

    id: str
    base_url: str


@router.get("/health")
async def health() -> dict[str, str]:
    """Say that the provider is up."""
    return {"status": "ok"}


@router.get("/_mock/scenarios")
async def scenarios() -> dict[str, dict[str, Any]]:
    """The named scenarios and the options each stands for."""
    return SCENARIOS


@router.post("/_mock/sessions", status_code=201)
async def open_session(request: Request, new: NewSession) -> OpenedSession:
    """Open a session with faults, data and journal of its own."""
    sessions: Sessions = request.app.state.sessions
    session = sessions.open(new.scenario, new.seed, new.options)
    root = f"{request.url.scheme}://{request.url.netloc}"
    return OpenedSession(id=session.id, base_url=f"{root}/s/{session.id}")


@router.delete("/_mock/session", status_code=204)
async def close_session(request: Request) -> None:
    """Close this session; its address answers 404 from now on."""
    session: Session = request.scope["session"]
    if session.id != DEFAULT_SESSION:
        request.app.state.sessions.close(session.id)


@router.patch("/_mock/options", status_code=204)
async def change_options(request: Request, options: Annotated[dict[str, Any], Body()]) -> None:
    """Change some of this session's options; fault options start a new schedule."""
    session: Session = request.scope["session"]
    session.change(options)


@router.get("/_mock/journal")
async def journal(request: Request) -> Response:
    """Every request that this session received, in order of arrival."""
    session: Session = request.scope["session"]
    return Response(msgspec.json.encode(session.journal.entries), media_type="application/json")


@router.delete("/_mock/journal", status_code=204)
async def clear_journal(request: Request) -> None:
    """Forget every request so far."""
    session: Session = request.scope["session"]
    session.journal.clear()


@router.get("/_mock/journal/summary")
async def journal_summary(request: Request) -> Response:
    """The journal in numbers."""
    session: Session = request.scope["session"]
    return Response(msgspec.json.encode(session.journal.summary()), media_type="application/json")

"""Mock providers: what the outside world answers, on this machine, faults included.

Open a session, point a client at it, then read its journal:

    with serve() as provider, provider.session("rough_day", seed=7) as session:
        fetch_everything(session.base_url)
        assert session.requests() == 9

The scenarios and all options are listed in `scenarios.py`.
"""

from workbook.providers.client import MockSession, open_session
from workbook.providers.serve import Provider, serve

__all__ = ["MockSession", "Provider", "open_session", "serve"]

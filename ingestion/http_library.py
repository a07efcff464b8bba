# Made from solutions/m01_rest/01_errors.ipynb: edit it there.
"""The one place that imports the HTTP library, so that a change of library is a change of one line."""

import httpx

__all__ = ["httpx"]

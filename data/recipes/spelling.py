"""JSON as different senders spell it: signatures are over bytes, so the spelling is part of the message."""

from __future__ import annotations

import json
from typing import Any

__all__ = ["as_php", "as_pretty", "as_rails", "compact"]


def compact(value: Any) -> str:
    """No spaces, UTF-8 as it is: what most programs send."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def as_pretty(value: Any) -> str:
    """Two spaces of indentation, a space after each colon."""
    return json.dumps(value, ensure_ascii=False, indent=2)


def as_rails(value: Any) -> str:
    r"""Compact, with `&`, `<` and `>` escaped as `\u0026` and so on, as Ruby on Rails does."""
    escaped = compact(value).replace("&", "\\u0026")
    return escaped.replace("<", "\\u003c").replace(">", "\\u003e")


def as_php(value: Any) -> str:
    r"""Compact, with `/` as `\/` and everything beyond ASCII as `\uXXXX`, as PHP does."""
    return json.dumps(value, ensure_ascii=True, separators=(",", ":")).replace("/", "\\/")

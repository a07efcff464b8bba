"""The course's own machinery: the embedded stack, mock providers, the notebook builder, the checks and the grade."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from workbook.workbench import lesson

__all__ = ["lesson"]


def __getattr__(name: str) -> Any:
    """Load `lesson` when a notebook asks for it, so that commands which need none of it start quickly."""
    if name == "lesson":
        from workbook.workbench import lesson

        return lesson
    raise AttributeError(f"module 'workbook' has no attribute {name!r}")

"""A notebook file's JSON, with fields as attributes: what nbformat gives, without the second and a half it takes to import."""

import json
from typing import Any


class Node(dict[str, Any]):
    """A JSON object whose fields are attributes too."""

    def __getattr__(self, name: str) -> Any:
        try:
            return self[name]
        except KeyError:
            raise AttributeError(name) from None

    def __setattr__(self, name: str, value: Any) -> None:
        self[name] = value


def from_text(text: str) -> Node:
    """Read a notebook file's text.

    Raises:
        ValueError: it is no JSON object.
    """
    node = json.loads(text, object_hook=Node)
    if not isinstance(node, Node):
        raise ValueError(f"a JSON object is wanted, not {type(node).__name__}")
    return node


def to_text(node: dict[str, Any]) -> str:
    """Write a notebook as text, the same bytes for the same notebook."""
    return json.dumps(node, ensure_ascii=False, indent=1, sort_keys=True) + "\n"

"""Whether the servers that a checkpoint asks for are there: decided beside the answer, never by it."""

import ast
import os
from pathlib import Path

from workbook.stack import StackError, ensure_up
from workbook.stack.doctor import reach
from workbook.stack.environment import MARKER, published

_VARIABLE_OF = {"db_url": "DB_URL", "redis_url": "REDIS_URL", "api": "MOCK_API_URL", "stack": ""}


def needed(checkpoint: Path) -> frozenset[str]:
    """Give the variables of the servers that *checkpoint*'s fixtures ask for."""
    tree = ast.parse(checkpoint.read_text(encoding="utf-8"))
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef)
    asked = {each.arg for node in ast.walk(tree) if isinstance(node, kinds) for each in node.args.args}
    return frozenset(_VARIABLE_OF[name] for name in asked & set(_VARIABLE_OF))


def in_the_way(variables: frozenset[str]) -> str:
    """Have the servers behind *variables* running. Returns an empty text, or one line that says which is not and what to do."""
    if not variables:
        return ""
    try:
        urls = ensure_up()
    except StackError as error:
        return str(error)
    ours = published(os.environ) if MARKER in os.environ else {}
    for name in sorted(variables - {""}):
        finding = reach(name, urls[name], is_users=urls[name] != ours.get(name))
        if not finding.ok:
            return f"{name}: {finding.detail}; {finding.remedy}"
    return ""

"""From a master notebook to the copy that learners work in."""

import hashlib
import json

from workbook.authoring.cells import cell_of
from workbook.authoring.node import Node

SOLUTION_ONLY = "solution-only"
FOLDED = "folded"
"""Tag of given code that a learner may read but need not: it is exported, and its cell starts out collapsed."""


def learner_copy(master: Node) -> Node:
    """Make the learner's notebook: solutions become stubs, solution-only cells go, outputs go, a stamp says from what.

    What both notebooks have in common they share. The stamp (`course.built_from`) lets a later check tell a copy that a learner has worked in from one that is out of date.
    """
    cells = []
    for node in master.cells:
        cell = cell_of(node)
        if SOLUTION_ONLY in cell.tags:
            continue
        node = Node(node)
        if cell.has_markers:
            node.source = cell.stub()
        if node.cell_type == "code":
            node.outputs, node.execution_count = [], None
        if FOLDED in cell.tags:
            node.metadata = Node(node.metadata, jupyter=Node(source_hidden=True))
        cells.append(node)
    course = {**master.metadata.get("course", {}), "built_from": fingerprint(cells)}
    metadata = Node(master.metadata, course=course)
    return Node(cells=cells, metadata=metadata, nbformat=4, nbformat_minor=5)


def fingerprint(cells: list[Node]) -> str:
    """Give a short hash of what the cells say, whatever has been run in them."""
    said = [
        [cell.get("id"), cell["cell_type"], cell["source"], sorted(cell["metadata"].get("tags", []))] for cell in cells
    ]
    return hashlib.sha256(json.dumps(said, ensure_ascii=False).encode()).hexdigest()[:16]

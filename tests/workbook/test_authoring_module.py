"""Exported cells become a module that reads as if written by hand, and nothing in them is lost."""

import ast

import pytest

from workbook.authoring.cells import Cell
from workbook.authoring.module import assemble, defined_names, formatted


def module(*sources: str) -> str:
    """The module made of cells with these sources, formatted."""
    codes = [Cell(f"c{number}", "code", source).code for number, source in enumerate(sources)]
    return formatted({"module.py": assemble(codes, "solutions/m01_rest/01_x.ipynb")})["module.py"]


def test_header_docstring_imports_names_then_the_cells_in_order() -> None:
    made = module(
        '#| default_exp x\n#| export\n"""What it is for."""\n\nimport re\nimport json',
        "#| export\ndef second() -> str:\n    return json.dumps(re.escape('a'))",
        "#| export\nimport math\n\n\ndef first() -> float:\n    return math.pi",
        "#| export\n_hidden = 1\nLIMIT: int = 2\nlower = upper = 3",
    )
    assert made == (
        "# Made from solutions/m01_rest/01_x.ipynb: edit it there.\n"
        '"""What it is for."""\n\n'
        "import json\nimport math\nimport re\n\n"
        '__all__ = ["LIMIT", "first", "lower", "second", "upper"]\n\n\n'
        'def second() -> str:\n    return json.dumps(re.escape("a"))\n\n\n'
        "def first() -> float:\n    return math.pi\n\n\n"
        "_hidden = 1\nLIMIT: int = 2\nlower = upper = 3\n"
    )


def test_imports_are_merged() -> None:
    made = module("from math import pi\nimport json", "import json\nfrom math import e, pi\n\nnumbers = pi, e, json")
    assert made.count("import json") == 1
    assert "from math import e, pi\n" in made


def test_imports_over_several_lines_keep_their_comments() -> None:
    made = module("from math import (\n    e,  # Euler's\n    pi,\n)\n\nnumbers = e, pi")
    assert "e,  # Euler's" in made
    assert made.index("import") < made.index("__all__")


def test_imports_for_type_checking_stay_apart() -> None:
    made = module(
        "from __future__ import annotations\n\nfrom typing import TYPE_CHECKING\n\nif TYPE_CHECKING:\n    import json",
        "if TYPE_CHECKING:\n    import json\n    from re import Pattern\n\n\ndef f(a: Pattern[str]) -> json.JSONEncoder: ...",
    )
    assert made.count("if TYPE_CHECKING:") == 1
    assert "if TYPE_CHECKING:\n    import json\n    from re import Pattern\n" in made
    assert made.index("__future__") < made.index("typing import") < made.index("if TYPE_CHECKING")


def test_a_branch_for_running_stays_whole() -> None:
    made = module("from typing import TYPE_CHECKING\n\nif TYPE_CHECKING:\n    import json\nelse:\n    json = None")
    assert "else:\n    json = None" in made


def test_comments_and_decorators_stay_where_they_are() -> None:
    made = module(
        "import functools\n\n\n# Remembered: it is asked for every row.\n@functools.cache\n"
        "def area(r: float) -> float:  # square metres\n    # pi is near enough\n    return 3 * r * r"
    )
    assert (
        "# Remembered: it is asked for every row.\n@functools.cache\ndef area(r: float) -> float:  # square metres\n"
        "    # pi is near enough\n    return 3 * r * r\n"
    ) in made


def test_text_that_looks_like_code_is_text() -> None:
    query = '"""\n#| export\nimport nothing\n### a heading\n#| exercise: m01-01-ex9\n"""'
    made = module(f"#| export\nimport json\n\nquery = {query}\nwith_a_value = f'''\n#| export {{json}}\n'''")
    assert f"query = {query}" in made
    assert "#| export {json}" in made
    assert Cell("", "code", f"#| export\nquery = {query}").exercise is None
    assert not Cell("", "code", f"query = {query}").is_exported


def test_a_directive_needs_no_first_line_but_a_line_of_its_own() -> None:
    assert Cell("", "code", "import json\n#| export\nx = 1").is_exported
    assert not Cell("", "code", "x = 1  #| export").is_exported
    assert not Cell("", "markdown", "#| export").is_exported


def test_a_cell_that_does_not_parse_is_still_known() -> None:
    cell = Cell("", "code", '#| export\n#| exercise: m01-01-ex1\ndef f(:\n    """x"""')
    assert cell.exercise == "m01-01-ex1"
    assert cell.code.startswith("def f(:")


def test_nothing_is_lost_from_a_line_that_holds_two_statements() -> None:
    made = module("import json; LIMIT = 3\nimport re; import math\n\n\ndef f() -> object:\n    return json, re, math")
    names: dict[str, object] = {}
    exec(compile(made, "made.py", "exec"), names)
    assert names["LIMIT"] == 3
    assert callable(names["f"])
    assert names["f"]()
    assert names["__all__"] == ["LIMIT", "f"]


@pytest.mark.parametrize(
    "odd", ["\x0c", "\u2028", "\x85", "\x1e"], ids=["form feed", "line separator", "next line", "rs"]
)
def test_signs_that_only_some_take_for_line_ends(odd: str) -> None:
    made = module(f"#| export\nimport json\n\nSIGN = '''a{odd}b'''\nimport re\nLAST = json, re")
    assert f"a{odd}b" in made
    assert ast.parse(made)
    assert made.index("import re") < made.index("SIGN")


def test_carriage_returns_change_nothing() -> None:
    source = '#| export\n"""Doc."""\n\nimport json\n\n\ndef f() -> str:\n    return json.dumps("""a\nb""")'
    assert module(source.replace("\n", "\r\n")) == module(source)


def test_making_it_again_changes_nothing() -> None:
    sources = ("import re, json\n\n\nclass A:\n    x = re, json", "def f(a,b): return a")
    assert module(*sources) == module(*sources)


def test_a_docstring_alone_is_a_module() -> None:
    assert module('#| export rest.__init__\n"""Reading APIs.""";') == (
        '# Made from solutions/m01_rest/01_x.ipynb: edit it there.\n"""Reading APIs."""\n'
    )


def test_names_of_what_does_not_parse_are_none() -> None:
    assert defined_names("def f(:") == set()
    assert defined_names("async def f(): ...\nclass A: ...\nx: int = 1\nimport json") == {"f", "A", "x"}

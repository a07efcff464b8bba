"""What a command says when it fails."""

import pytest

from ingestion.console import exit_code, in_one_line
from ingestion.errors import ConfigurationError, ContractViolationError
from ingestion.store.database import open_pool


def test_an_error_is_one_line_whatever_it_quotes() -> None:
    """A key of the source's may hold what ends a line, or what commands a terminal."""
    error = ContractViolationError("a\rb\x1b[2Jc\u2028d\x85e\x0bf\ud83dg: bücher 😀\nmore")
    error.add_note("a note")
    said = in_one_line(error)
    assert said.isprintable()
    assert len(said.splitlines()) == 1
    assert said == "a b [2Jc d e f g: bücher 😀; more. a note"


@pytest.mark.parametrize("parameter", ["sslmode=maybe", "channel_binding=yes", "target_session_attrs=primary-ish"])
async def test_a_parameter_of_the_database_url_that_is_wrong_is_a_wrong_setting(parameter: str) -> None:
    """No server is needed to see it, and running again mends nothing."""
    with pytest.raises(ConfigurationError, match="DB_URL") as caught:
        async with open_pool(f"postgresql://u:s3cret@127.0.0.1:1/x?{parameter}", wait_s=2):
            pass
    assert exit_code(caught.value) == 78
    assert "s3cret" not in in_one_line(caught.value)

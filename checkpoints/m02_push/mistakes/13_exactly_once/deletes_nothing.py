"""Reads from behind the position and leaves the rest: what a dead relay left stays for ever, and the outbox is never empty."""
#| exercise: m02-13-ex2
#| caught by: test_ex2_rows_up_to_the_position_go_and_no_others
async def begin_behind(connection: Connection, position: int) -> None:
    last = (await look(connection)).position
    if last < position:
        raise ConfigurationError(
            f"the outbox has given out positions up to {last}, but Kafka holds its events up to {position}:"
            " this database was restored from a backup. Give its outbox a new name"
        )

"""Trusts the UPDATE and does not look how many rows it changed: the stale owner's effects commit."""
#| exercise: m01-15-ex3
#| caught by: test_ex3_who_was_taken_over_comes_too_late
async def complete(
    connection: Connection, claim: Claim, *, status_code: int = 200, body: bytes = b""
) -> None:
    if status_code >= 500 or status_code in TRANSIENT_STATUS or status_code in (425, 429):
        raise ValueError(f"{status_code} is no result to replay: release the claim instead")
    statement = """
        UPDATE ingestion.idempotency_keys SET state = 'done', status_code = %s, body = %s
        WHERE scope = %s AND fingerprint = %s AND token = %s AND state = 'in_flight'"""
    await connection.execute(statement, [status_code, body, claim.scope, claim.fingerprint, claim.token])


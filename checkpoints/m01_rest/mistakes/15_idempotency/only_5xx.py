"""Remembers the 5xx and forgets 408, 425 and 429, which pass just as well."""
#| exercise: m01-15-ex3
#| caught by: test_ex3_a_passing_failure_is_no_result
async def complete(
    connection: Connection, claim: Claim, *, status_code: int = 200, body: bytes = b""
) -> None:
    if status_code >= 500:
        raise ValueError(f"{status_code} is no result to replay: release the claim instead")
    statement = """
        UPDATE ingestion.idempotency_keys SET state = 'done', status_code = %s, body = %s
        WHERE scope = %s AND fingerprint = %s AND token = %s AND state = 'in_flight'"""
    cursor = await connection.execute(statement, [status_code, body, claim.scope, claim.fingerprint, claim.token])
    if cursor.rowcount != 1:
        raise StaleClaimError(
            f"claim {claim.token} on {claim.fingerprint[:20]} in {claim.scope!r} is no longer ours: "
            "the work took longer than its lease, or was completed before"
        )

"""Asks whether a tzinfo is set: one that knows no offset still compares as naive."""
#| exercise: m01-03-ex2
#| caught by: test_ex2_refuses_times_without_a_zone
class Record(msgspec.Struct, frozen=True, gc=False):

    source: str
    stream: str
    key: str
    payload: bytes
    occurred_at: datetime
    content_hash: bytes

    @classmethod
    def of(cls, source: str, stream: str, key: str, payload: Any, occurred_at: datetime) -> Self:
        """Make a record from decoded JSON.

        Raises:
            ContractViolationError: an empty key, a naive *occurred_at*, or a payload without canonical JSON.
        """
        if not key:
            raise ContractViolationError(f"a record of {source}.{stream} has an empty key")
        if occurred_at.tzinfo is None:
            raise ContractViolationError(f"{source}.{stream} {key}: occurred_at {occurred_at} names no time zone")
        canonical = canonical_json(payload)
        return cls(source, stream, key, canonical, occurred_at, content_hash(canonical))

    def data(self) -> Any:
        """Decode the payload."""
        return json.loads(self.payload)

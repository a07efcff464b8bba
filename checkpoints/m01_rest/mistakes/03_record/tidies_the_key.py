"""Strips and lowers the key: the source's own identity is what it is, and two of its keys may become one."""
#| exercise: m01-03-ex2
#| caught by: test_ex2_carries_what_it_was_given
class Record(msgspec.Struct, frozen=True, gc=False):
    source: str
    stream: str
    key: str
    payload: bytes
    occurred_at: datetime
    content_hash: bytes

    @classmethod
    def of(cls, source: str, stream: str, key: str, payload: Any, occurred_at: datetime) -> Self:
        if not key:
            raise ContractViolationError(f"a record of {source}.{stream} has an empty key")
        if occurred_at.utcoffset() is None:
            raise ContractViolationError(f"{source}.{stream} {key}: occurred_at names no time zone")
        canonical = canonical_json(payload)
        return cls(source, stream, key.strip().lower(), canonical, occurred_at, content_hash(canonical))

    def data(self) -> Any:
        return json.loads(self.payload)

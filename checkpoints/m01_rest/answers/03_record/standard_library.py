"""Walks the value first and uses the standard encoder only: slower, and right."""
#| exercise: m01-03-ex1
def canonical_json(value: Any) -> bytes:
    def check(each: Any, depth: int) -> None:
        if depth > 200:
            raise ContractViolationError("nested too deeply")
        if isinstance(each, dict):
            for key, inner in each.items():
                if not isinstance(key, str):
                    raise ContractViolationError("a key is not a string")
                check(inner, depth + 1)
        elif isinstance(each, list | tuple):
            for inner in each:
                check(inner, depth + 1)
        elif isinstance(each, float) and not math.isfinite(each):
            raise ContractViolationError("not a finite number")
        elif not isinstance(each, str | int | float | None):
            raise ContractViolationError(f"a {type(each).__name__} is no JSON")

    check(value, 0)
    try:
        return json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":")).encode("utf-8")
    except UnicodeEncodeError:
        raise ContractViolationError("a lone surrogate") from None


#| exercise: m01-03-ex2
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
        zoned = occurred_at.strftime("%z")
        if key == "" or zoned == "":
            raise ContractViolationError("a key and a time zone are needed")
        body = canonical_json(payload)
        fields = {"source": source, "stream": stream, "key": key, "payload": body, "occurred_at": occurred_at}
        return cls(**fields, content_hash=hashlib.sha256(body).digest())

    def data(self) -> Any:
        """Decode the payload."""
        return json.loads(self.payload)

"""Insists on padding that some providers leave out: a good secret is refused at start-up."""
#| exercise: m02-01-ex3
#| caught by: test_ex3_decodes_what_providers_show
def decode_secret(text: str) -> bytes:
    try:
        key = base64.b64decode(text.removeprefix("whsec_").encode("ascii"), validate=True)
    except ValueError:
        raise ConfigurationError("is not base64 after whsec_") from None
    if not SHORTEST_SECRET_BYTES <= len(key) <= LONGEST_SECRET_BYTES:
        raise ConfigurationError(f"decodes to {len(key)} bytes")
    return key

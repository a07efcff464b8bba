"""Compares with numbers and booleans: what comes from the environment is text."""
#| exercise: m02-11-ex1
#| caught by: test_ex1_nobody_weakens_the_promise, test_ex1_other_spellings_of_the_promise_are_fine
def producer_settings(bootstrap_servers: str, more: Mapping[str, Any]) -> dict[str, Any]:
    for name in ("acks", "request.required.acks"):
        if more.get(name, "all") not in ("all", -1):
            raise ConfigurationError(f"{name} has to be `all`")
    if more.get("enable.idempotence", True) is False:
        raise ConfigurationError("enable.idempotence has to stay on")
    return {"bootstrap.servers": bootstrap_servers, **_SETTINGS, "logger": logger, **more}

"""Lets callers override everything: the one setting tried in an outage is the one that loses."""
#| exercise: m02-11-ex1
#| caught by: test_ex1_nobody_weakens_the_promise
def producer_settings(bootstrap_servers: str, more: Mapping[str, Any]) -> dict[str, Any]:
    return {"bootstrap.servers": bootstrap_servers, **_SETTINGS, "logger": logger, **more}

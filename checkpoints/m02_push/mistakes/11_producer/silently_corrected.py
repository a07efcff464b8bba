"""Corrects a weaker setting without a word: the caller believes in what was configured."""
#| exercise: m02-11-ex1
#| caught by: test_ex1_nobody_weakens_the_promise
def producer_settings(bootstrap_servers: str, more: Mapping[str, Any]) -> dict[str, Any]:
    promise = {"acks": "all", "enable.idempotence": True}
    return {"bootstrap.servers": bootstrap_servers, **_SETTINGS, "logger": logger, **more, **promise}

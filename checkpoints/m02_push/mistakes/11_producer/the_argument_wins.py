"""Sets the servers and the logger last, so that what callers add wins for all settings but two."""
#| exercise: m02-11-ex1
#| caught by: test_ex1_what_callers_add_wins
def producer_settings(bootstrap_servers, more):
    for name in ("acks", "request.required.acks"):
        if name in more and str(more[name]).lower() not in ("all", "-1"):
            raise ConfigurationError(f"{name}")
    if str(more.get("enable.idempotence", True)).lower() in ("false", "0", "f"):
        raise ConfigurationError("enable.idempotence")
    return {**_SETTINGS, **more, "bootstrap.servers": bootstrap_servers, "logger": logger}

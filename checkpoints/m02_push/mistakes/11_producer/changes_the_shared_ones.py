"""Updates the module's mapping: one caller's transactional id is in every later producer."""
#| exercise: m02-11-ex1
#| caught by: test_ex1_what_callers_add_wins
def producer_settings(bootstrap_servers: str, more: Mapping[str, Any]) -> dict[str, Any]:
    for name in ("acks", "request.required.acks"):
        if str(more.get(name, "all")).lower() not in ("all", "-1"):
            raise ConfigurationError(f"{name} has to be `all`: with fewer, an acknowledged message may be lost")
    if str(more.get("enable.idempotence", True)).lower() not in ("true", "t", "1"):
        raise ConfigurationError("enable.idempotence has to stay on: without it, messages are doubled and reordered")
    _SETTINGS.update({"bootstrap.servers": bootstrap_servers, "logger": logger, **more})  # type: ignore[attr-defined]
    return dict(_SETTINGS)

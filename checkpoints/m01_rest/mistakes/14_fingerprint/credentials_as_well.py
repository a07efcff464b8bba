"""Counts the credentials next to the tenant: on the day a key is renewed, every request is new."""
#| exercise: m01-14-ex3
#| caught by: test_ex3_a_tenants_renewed_key_changes_nothing
def who_asks(url: str, params: Iterable[str], tenant: str, secret_params: Collection[str] = SECRET_PARAMS) -> list[str]:
    secrets = [param for param in params if param_name(param).lower() in secret_params]
    return ["tenant", tenant, urlsplit(url).netloc.rpartition("@")[0], *secrets]

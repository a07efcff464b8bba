"""Gives the tenant or the credentials bare: a tenant called like somebody's user name is that somebody."""
#| exercise: m01-14-ex3
#| caught by: test_ex3_a_tenant_is_never_taken_for_a_credential
def who_asks(url: str, params: Iterable[str], tenant: str, secret_params: Collection[str] = SECRET_PARAMS) -> list[str]:
    if tenant:
        return [tenant]
    secrets = [param for param in params if param_name(param).lower() in secret_params]
    return [part for part in (urlsplit(url).netloc.rpartition("@")[0], *secrets) if part]

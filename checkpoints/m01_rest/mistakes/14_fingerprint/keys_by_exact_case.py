"""Knows `api_key` but not `API_KEY`: most servers take both."""
#| exercise: m01-14-ex3
#| caught by: test_ex3_without_a_tenant_credentials_tell_accounts_apart
def who_asks(url: str, params: Iterable[str], tenant: str, secret_params: Collection[str] = SECRET_PARAMS) -> list[str]:
    if tenant:
        return ["tenant", tenant]
    secrets = [param for param in params if param_name(param) in secret_params]
    return ["credentials", urlsplit(url).netloc.rpartition("@")[0], *secrets]

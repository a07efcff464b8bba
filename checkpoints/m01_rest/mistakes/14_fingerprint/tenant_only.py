"""Leaves credentials out altogether, as every guide to logging says: two accounts become one."""
#| exercise: m01-14-ex3
#| caught by: test_ex3_without_a_tenant_credentials_tell_accounts_apart
def who_asks(url: str, params: Iterable[str], tenant: str, secret_params: Collection[str] = SECRET_PARAMS) -> list[str]:
    return ["tenant", tenant]

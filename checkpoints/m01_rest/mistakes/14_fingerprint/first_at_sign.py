"""Cuts at the first @, and a password may hold one: all that is behind it is the host then."""
#| exercise: m01-14-ex3
#| caught by: test_ex3_every_letter_of_a_credential_counts
def who_asks(url: str, params: Iterable[str], tenant: str, secret_params: Collection[str] = SECRET_PARAMS) -> list[str]:
    if tenant:
        return ["tenant", tenant]
    secrets = [param for param in params if param_name(param).lower() in secret_params]
    return ["credentials", urlsplit(url).netloc.partition("@")[0], *secrets]

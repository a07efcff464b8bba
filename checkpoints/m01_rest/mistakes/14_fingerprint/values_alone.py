"""Keeps the values of the credentials and not their names."""
#| exercise: m01-14-ex3
#| caught by: test_ex3_every_letter_of_a_credential_counts
def who_asks(url: str, params: Iterable[str], tenant: str, secret_params: Collection[str] = SECRET_PARAMS) -> list[str]:
    if tenant:
        return ["tenant", tenant]
    secrets = [param.partition("=")[2] for param in params if param_name(param).lower() in secret_params]
    return ["credentials", urlsplit(url).netloc.rpartition("@")[0], *secrets]

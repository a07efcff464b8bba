"""Takes the whole of scheme://[here]/ for the credential: the host, spelled in another way, is another account."""
#| exercise: m01-14-ex3
#| caught by: test_ex3_every_letter_of_a_credential_counts
def who_asks(url: str, params: Iterable[str], tenant: str, secret_params: Collection[str] = SECRET_PARAMS) -> list[str]:
    if tenant:
        return ["tenant", tenant]
    secrets = [param for param in params if param_name(param).lower() in secret_params]
    return ["credentials", urlsplit(url).netloc, *secrets]

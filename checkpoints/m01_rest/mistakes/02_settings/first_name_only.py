"""Names the first alias: whoever wrote MOCK_API_URL is sent to look for REST_API_URL."""
#| exercise: m01-02-ex3
#| caught by: test_ex3_names_the_variable_that_is_set
def explain(settings: type[Settings], problem: "ErrorDetails") -> str:
    named = str(problem["loc"][0])
    field = next(field for field in settings.model_fields.values() if named in aliases(field))
    variable = named
    message = problem["msg"].removeprefix("Value error, ")
    what = "is not set" if problem["type"] == "missing" else message[:1].lower() + message[1:]
    example = (field.examples or [""])[0]
    return f"{variable} {what}: write for example {variable}={example}"

"""Says 'field required' for a variable that is not set: the reader has no field, the reader has an environment."""
#| exercise: m01-02-ex3
#| caught by: test_ex3_a_missing_variable
def explain(settings: type[Settings], problem: "ErrorDetails") -> str:
    named = str(problem["loc"][0])
    field = next(field for field in settings.model_fields.values() if named in aliases(field))
    variable = next((name for name in aliases(field) if name in os.environ), named)
    message = problem["msg"].removeprefix("Value error, ")
    what = message[:1].lower() + message[1:]
    example = (field.examples or [""])[0]
    return f"{variable} {what}: write for example {variable}={example}"

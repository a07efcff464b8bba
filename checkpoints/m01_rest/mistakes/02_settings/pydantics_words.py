"""Passes pydantic's sentence on: 'Value error, ...' is not for operators."""
#| exercise: m01-02-ex3
#| caught by: test_ex3_numbers_too, test_ex3_a_wrong_variable
def explain(settings: type[Settings], problem: "ErrorDetails") -> str:
    named = str(problem["loc"][0])
    field = next(field for field in settings.model_fields.values() if named in aliases(field))
    variable = next((name for name in aliases(field) if name in os.environ), named)
    message = problem["msg"]
    what = "is not set" if problem["type"] == "missing" else message
    example = (field.examples or [""])[0]
    return f"{variable} {what}: write for example {variable}={example}"

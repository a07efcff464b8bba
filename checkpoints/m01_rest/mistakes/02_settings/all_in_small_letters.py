"""Makes every letter small: the pattern in the message is another one now."""
#| exercise: m01-02-ex3
#| caught by: test_ex3_numbers_too
def explain(settings: type[Settings], problem: "ErrorDetails") -> str:
    named = str(problem["loc"][0])
    field = next(field for name, field in settings.model_fields.items() if named in (name, *aliases(field)))
    variable = next((name for name in aliases(field) if name in os.environ), named)
    message = problem["msg"].removeprefix("Value error, ")
    what = "is not set" if problem["type"] == "missing" else message.lower()
    example = (field.examples or [""])[0]
    return f"{variable} {what}: write for example {variable}={example}"

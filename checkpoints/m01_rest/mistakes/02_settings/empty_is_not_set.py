"""Takes a variable that is empty for one that is not set, and sends the operator to look for the other name."""
#| exercise: m01-02-ex3
#| caught by: test_ex3_names_the_variable_that_is_set
def explain(settings: type[Settings], problem: "ErrorDetails") -> str:
    named = str(problem["loc"][0])
    field = next(field for name, field in settings.model_fields.items() if named in (name, *aliases(field)))
    variable = next((name for name in aliases(field) if os.environ.get(name)), named)
    message = problem["msg"].removeprefix("Value error, ")
    what = "is not set" if problem["type"] == "missing" else message[:1].lower() + message[1:]
    example = (field.examples or [""])[0]
    return f"{variable} {what}: write for example {variable}={example}"

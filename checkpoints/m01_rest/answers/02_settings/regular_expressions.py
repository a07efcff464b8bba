"""Takes URLs apart with regular expressions, and explains with a dictionary."""
#| exercise: m01-02-ex1
def mask_url(url: str) -> str:
    shape = re.fullmatch(
        r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*)://(?:(?P<user>[^:@/?#\s]*)(?P<password>:[^@/?#\s]*)?@)?"
        r"(?P<host>\[[0-9A-Fa-f:.]+\]|[^:@/?#\s\[\]]+)(?P<port>:\d{1,5})?(?P<path>/[^?#@\s]*)?(?:\?(?P<query>[^#@\s]*))?",
        url,
    )
    if shape is None or int((shape["port"] or ":0")[1:]) > 65535:
        return "***"
    hidden = shape["scheme"] + "://"
    if shape["user"] is not None:
        hidden += shape["user"] + (":***" if shape["password"] else "") + "@"
    hidden += shape["host"] + (shape["port"] or "") + (shape["path"] or "")
    if shape["query"]:
        names = "|".join(map(re.escape, SECRET_PARAMETERS))
        hidden += "?" + re.sub(rf"(?i)(^|&)({names})=[^&]*", r"\1\2=***", shape["query"])
    return hidden


#| exercise: m01-02-ex2
def check_url(text: str, *schemes: str) -> str:
    wanted = re.match(r"(?i)(" + "|".join(map(re.escape, schemes)) + ")://", text)
    problems = {
        "is empty": not text,
        "holds white space": any(map(str.isspace, text)),
        "has the wrong scheme": not wanted,
    }
    for message, wrong in problems.items():
        if wrong:
            raise ValueError(message)
    if mask_url(text) == "***":
        raise ValueError("is not a URL that can be understood")
    return text


#| exercise: m01-02-ex3
def explain(settings: type[Settings], problem: "ErrorDetails") -> str:
    by_name = {name: field for field in settings.model_fields.values() for name in aliases(field)}
    field = by_name[str(problem["loc"][0])]
    in_use = [name for name in aliases(field) if os.environ.get(name) is not None] or [str(problem["loc"][0])]
    text = problem["msg"]
    if text.startswith("Value error, "):
        text = text[len("Value error, ") :]
    if problem["type"] == "missing":
        text = "is not set"
    return f"{in_use[0]} {text[0].lower() + text[1:]}: write for example {in_use[0]}={field.examples[0]}"

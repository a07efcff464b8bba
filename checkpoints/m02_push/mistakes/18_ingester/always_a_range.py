"""Asks for bytes from 0 on: an empty object answers 416, and fails the run."""
#| exercise: m02-18-ex1
#| caught by: test_ex1_an_empty_object_is_no_error
def pinned(drop: Drop, start: int) -> dict[str, str]:
    question = {"Bucket": drop.bucket, "Key": drop.key}
    if _ETAG.fullmatch(drop.version):
        question["IfMatch"] = f'"{drop.version}"'
    else:
        question["VersionId"] = drop.version
    if True:
        question["Range"] = f"bytes={start}-"
    return question

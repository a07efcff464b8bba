"""Knows etags of 32 digits only: every file uploaded in parts is asked for as a version id, and is gone."""
#| exercise: m02-18-ex1
#| caught by: test_ex1_what_is_there_is_read_and_another_content_is_not
def pinned(drop: Drop, start: int) -> dict[str, str]:
    question = {"Bucket": drop.bucket, "Key": drop.key}
    if len(drop.version) == 32:
        question["IfMatch"] = f'"{drop.version}"'
    else:
        question["VersionId"] = drop.version
    if start:
        question["Range"] = f"bytes={start}-"
    return question

"""Sends the condition only with a range: the first question of a run reads whatever is there now, and its mark is saved for the version that was listed."""
#| exercise: m02-18-ex1
#| caught by: test_ex1_what_is_there_is_read_and_another_content_is_not
def pinned(drop: Drop, start: int) -> dict[str, str]:
    question = {"Bucket": drop.bucket, "Key": drop.key}
    if _ETAG.fullmatch(drop.version) and start == 0:
        pass
    elif _ETAG.fullmatch(drop.version):
        question["IfMatch"] = f'"{drop.version}"'
    else:
        question["VersionId"] = drop.version
    if start:
        question["Range"] = f"bytes={start}-"
    return question

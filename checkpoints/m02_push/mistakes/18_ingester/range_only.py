"""Resumes with a Range and no condition, as every download helper does: the rest may be of another file."""
#| exercise: m02-18-ex1
#| caught by: test_ex1_what_is_there_is_read_and_another_content_is_not
def pinned(drop: Drop, start: int) -> dict[str, str]:
    question = {"Bucket": drop.bucket, "Key": drop.key}
    if _ETAG.fullmatch(drop.version):
        pass
    else:
        question["VersionId"] = drop.version
    if start:
        question["Range"] = f"bytes={start}-"
    return question

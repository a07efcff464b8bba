"""Takes every version for an etag: in a bucket with versions each file answers 412."""
#| exercise: m02-18-ex1
#| caught by: test_ex1_a_version_is_asked_for_by_its_id
def pinned(drop: Drop, start: int) -> dict[str, str]:
    question = {"Bucket": drop.bucket, "Key": drop.key}
    question["IfMatch"] = f'"{drop.version}"'
    if start:
        question["Range"] = f"bytes={start}-"
    return question

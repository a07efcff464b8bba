"""Counts bytes from 1, so that the first byte comes twice when a run goes on behind it."""
#| exercise: m02-18-ex1
#| caught by: test_ex1_what_is_there_is_read_and_another_content_is_not
def pinned(drop, start):
    a = {"Bucket": drop.bucket, "Key": drop.key}
    if _ETAG.fullmatch(drop.version):
        a["IfMatch"] = f'"{drop.version}"'
    else:
        a["VersionId"] = drop.version
    if start > 1:
        a["Range"] = f"bytes={start}-"
    return a

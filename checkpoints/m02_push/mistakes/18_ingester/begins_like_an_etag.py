"""Uses match() where fullmatch() is meant: a version id that begins like an etag is sent as a condition."""
#| exercise: m02-18-ex1
#| caught by: test_ex1_a_version_is_asked_for_by_its_id
def pinned(drop, start):
    a = {"Bucket": drop.bucket, "Key": drop.key}
    if _ETAG.match(drop.version):
        a["IfMatch"] = f'"{drop.version}"'
    else:
        a["VersionId"] = drop.version
    if start:
        a["Range"] = f"bytes={start}-"
    return a

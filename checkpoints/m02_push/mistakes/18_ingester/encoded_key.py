"""Encodes the key for a URL, which boto3 does as well: `north + south.csv` is not found."""
#| exercise: m02-18-ex1
#| caught by: test_ex1_bucket_and_key_as_they_are
def pinned(drop: Drop, start: int) -> dict[str, str]:
    question = {"Bucket": drop.bucket, "Key": __import__("urllib.parse").parse.quote(drop.key)}
    if _ETAG.fullmatch(drop.version):
        question["IfMatch"] = f'"{drop.version}"'
    else:
        question["VersionId"] = drop.version
    if start:
        question["Range"] = f"bytes={start}-"
    return question

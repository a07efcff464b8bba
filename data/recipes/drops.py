"""How the shipments arrive in `s3://drops/`: nine files of five sites, each with habits of its own."""

from __future__ import annotations

from data.recipes.formats import as_csv, as_gzip, as_json_array, as_ndjson, as_parquet
from data.recipes.shipments import COLUMNS, shipments

__all__ = ["drops"]


def drops(seed: int) -> dict[str, bytes]:
    """The dropped files by key below `s3/drops/`, and the whole in two more formats below `s3/formats/`."""
    rows = shipments(seed)
    reversed_columns = tuple(reversed(COLUMNS))
    return {
        "s3/drops/2026-03-01/berlin.csv": as_csv(rows[:100]),
        "s3/drops/2026-03-01/tokyo.csv.gz": as_gzip(as_csv(rows[100:220])),
        "s3/drops/2026-03-02/berlin.csv": as_csv(rows[220:300], newline="\r\n", bom=True),
        "s3/drops/2026-03-02/nairobi.ndjson": as_ndjson(rows[300:400]),
        "s3/drops/2026-03-03/denver.csv": as_csv(rows[400:475], columns=reversed_columns),
        "s3/drops/2026-03-03/nairobi.ndjson": as_ndjson(rows[475:575]),
        "s3/drops/2026-03-04/north + south.csv": as_csv(rows[575:601]),
        "s3/drops/2026-03-04/tokyo.csv.gz": as_gzip(as_csv(rows[601:700])),
        "s3/drops/2026-03-05/nairobi.ndjson": as_ndjson(rows[700:]),
        "s3/formats/shipments.json": as_json_array(rows),
        "s3/formats/shipments.parquet": as_parquet(rows),
    }

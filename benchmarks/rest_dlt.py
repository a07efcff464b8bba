"""One run of dlt, in its own virtual environment: python rest_dlt.py URL DB_URL PAGE_SIZE dlt|dlt-flat|dlt-two. Prints what it took as JSON."""

import json
import os
import resource
import sys
import tempfile
import time
from urllib.parse import urlsplit, urlunsplit

os.environ.update(
    RUNTIME__DLTHUB_TELEMETRY="false", RUNTIME__LOG_LEVEL="ERROR", DATA_WRITER__DISABLE_COMPRESSION="true"
)

if sys.argv[-1] == "dlt-two":  # several files, for several processes to normalise
    os.environ.update(NORMALIZE__WORKERS="2", SOURCES__DATA_WRITER__FILE_MAX_ITEMS="25000")

import dlt
import dlt.destinations.impl.postgres.factory
import dlt.destinations.impl.postgres.postgres
from dlt.sources.helpers.rest_client import RESTClient
from dlt.sources.helpers.rest_client.paginators import OffsetPaginator


def main(url: str, db_url: str, page_size: str, system: str) -> None:
    """Pull everything once and print what it took."""
    parts = urlsplit(db_url)
    if parts.password is None:  # dlt insists on one, also where the server trusts
        db_url = urlunsplit(parts._replace(netloc=f"{parts.username}:unused@{parts.netloc.rpartition('@')[2]}"))
    client = RESTClient(
        base_url=url, paginator=OffsetPaginator(limit=int(page_size), total_path="total"), data_selector="data"
    )

    @dlt.resource(
        name="orders",
        primary_key="id",
        write_disposition="merge",
        max_table_nesting=0 if system == "dlt-flat" else None,
    )
    def orders():  # type: ignore[no-untyped-def]
        yield from client.paginate("/orders/offset")

    with tempfile.TemporaryDirectory() as folder:
        pipeline = dlt.pipeline(
            "orders",
            pipelines_dir=folder,
            destination=dlt.destinations.postgres(credentials=db_url),
            dataset_name="dlt",
        )
        started_s, cpu_s = time.perf_counter(), time.process_time()
        pipeline.run(orders(), loader_file_format="csv")
        seconds = time.perf_counter() - started_s
        with pipeline.sql_client() as sql, sql.execute_query("SELECT count(*) FROM orders") as cursor:
            rows = cursor.fetchone()[0]
    usage = resource.getrusage(resource.RUSAGE_SELF)
    result = {"seconds": seconds, "cpu_s": time.process_time() - cpu_s, "rss_mb": usage.ru_maxrss / 1024, "rows": rows}
    print(json.dumps(result))


if __name__ == "__main__":
    main(*sys.argv[1:])

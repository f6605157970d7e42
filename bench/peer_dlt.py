"""One run of dlt's sql_database into local Parquet files. Runs in .bench/venv and imports nothing of ours.

Prints one JSON line: seconds of `pipeline.run` (extract, normalise, load; imports are not counted) and the rows loaded.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
import warnings
from importlib.metadata import version

os.environ["RUNTIME__DLTHUB_TELEMETRY"] = "false"
os.environ["RUNTIME__LOG_LEVEL"] = "ERROR"
os.environ.setdefault("DO_NOT_TRACK", "1")

import dlt
from dlt.sources.sql_database import sql_table

TABLES = ["purchase_header", "purchase_line"]


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument(
        "--url",
        required=True,
        help="postgresql+psycopg2://USER@HOST:PORT/DB; the password is read from PGPASSWORD",
    )
    parser.add_argument("--backend", choices=("pyarrow", "connectorx"), required=True)
    parser.add_argument("--folder", required=True)
    parser.add_argument("--columns", default="", help="JSON: table -> columns; empty: all")
    parser.add_argument("--chunk-rows", type=int, default=50_000)
    arguments = parser.parse_args()
    url = arguments.url.replace("@", f":{os.environ['PGPASSWORD']}@", 1)
    columns = json.loads(arguments.columns or "{}")
    # Its own default for connectorx hands out pandas frames; Arrow is its faster way.
    as_arrow = {"return_type": "arrow"} if arguments.backend == "connectorx" else {}
    source = [
        sql_table(
            credentials=url,
            schema="public",
            table=table,
            backend=arguments.backend,
            chunk_size=arguments.chunk_rows,
            included_columns=columns.get(table),
            backend_kwargs=as_arrow,
        )
        for table in TABLES
    ]
    pipeline = dlt.pipeline(
        "bench",
        destination=dlt.destinations.filesystem(bucket_url=f"file://{arguments.folder}/files"),
        dataset_name="nav",
        pipelines_dir=f"{arguments.folder}/pipelines",
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        started = time.perf_counter()
        pipeline.run(source, loader_file_format="parquet")
        seconds = time.perf_counter() - started
    counts = pipeline.last_trace.last_normalize_info.row_counts
    rows = sum(counts.get(table, 0) for table in TABLES)
    json.dump({"seconds": seconds, "rows": rows, "version": version("dlt")}, sys.stdout)


if __name__ == "__main__":
    main()

"""One run of dlt: an Arrow table that is in memory already, into PostgreSQL by COPY. Imports nothing of ours.

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
import pyarrow.parquet as pq


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument(
        "--url", required=True, help="postgresql://USER@HOST:PORT/DB; the password is read from PGPASSWORD"
    )
    parser.add_argument("--lines", required=True, help="a Parquet file")
    parser.add_argument("--folder", required=True)
    arguments = parser.parse_args()
    url = arguments.url.replace("@", f":{os.environ['PGPASSWORD']}@", 1)
    table = pq.read_table(arguments.lines)
    pipeline = dlt.pipeline(
        "bench",
        destination=dlt.destinations.postgres(credentials=url),
        dataset_name="bench",
        pipelines_dir=f"{arguments.folder}/pipelines",
    )
    source = dlt.resource([table], name="purchase_line")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        started = time.perf_counter()
        pipeline.run(source, loader_file_format="csv", write_disposition="append")
        seconds = time.perf_counter() - started
    rows = pipeline.last_trace.last_normalize_info.row_counts["purchase_line"]
    json.dump({"seconds": seconds, "rows": rows, "version": version("dlt")}, sys.stdout)


if __name__ == "__main__":
    main()

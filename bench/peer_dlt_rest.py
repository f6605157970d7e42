"""One run of dlt's rest_api over the pages of `bench.odata_read_speed --serve`. Runs in .bench/venv, imports nothing of ours.

    python bench/peer_dlt_rest.py http://127.0.0.1:PORT/s [--until source|extract|normalize|load] [--folder FOLDER] [--rows N]

`source`: the records are only taken from the source, as Python objects, which is the least that it can do. `extract`:
they are written down as the first step of a pipeline does it. `normalize`: typed, as Parquet. `load`: copied to their
place, which here is a folder too.
"""

from __future__ import annotations

import argparse
import os
import resource
import time
from importlib.metadata import version

os.environ["RUNTIME__DLTHUB_TELEMETRY"] = "false"
os.environ["RUNTIME__LOG_LEVEL"] = "ERROR"
os.environ.setdefault("DO_NOT_TRACK", "1")

import dlt
from dlt.sources.rest_api import rest_api_source


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("root")
    parser.add_argument("--until", choices=("source", "extract", "normalize", "load"), default="source")
    parser.add_argument("--folder", default="")
    parser.add_argument("--rows", type=int, default=0)  # that will come, where dlt does not count them
    arguments = parser.parse_args()
    source = rest_api_source(
        {
            "client": {
                "base_url": f"{arguments.root}/",
                "paginator": {"type": "json_link", "next_url_path": "['@odata.nextLink']"},
            },
            "resources": [{"name": "orders", "endpoint": {"path": "Orders", "data_selector": "value"}}],
        }
    )
    started, used, count = time.perf_counter(), time.process_time(), 0
    if arguments.until != "source":
        pipeline = dlt.pipeline(
            "bench_odata",
            destination=dlt.destinations.filesystem(bucket_url=f"file://{arguments.folder}/files"),
            dataset_name="bench",
            pipelines_dir=f"{arguments.folder}/pipelines",
        )
        pipeline.extract(source, loader_file_format="parquet")
        count = arguments.rows
        if arguments.until != "extract":
            pipeline.normalize()
            counts = pipeline.last_trace.last_normalize_info.row_counts
            count = sum(rows for name, rows in counts.items() if not name.startswith("_"))
        if arguments.until == "load":
            pipeline.load()
    else:
        for record in source.resources["orders"]:
            count += 1 + len(record["Lines"])
    seconds, cpu = time.perf_counter() - started, time.process_time() - used
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    print(
        f"dlt {version('dlt')} {arguments.until:12} {count:>9} rows  {seconds:6.2f} s"
        f"  {count / seconds:>9,.0f} rows/s  {cpu / count * 1e6:5.1f} us CPU/row  peak {peak} MiB"
    )


if __name__ == "__main__":
    main()

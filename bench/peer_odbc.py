"""Reads tables with one ODBC library alone and keeps nothing: a contender of bench.odbc_peers, in a process of its own.

    ODBC_CONNECTION=... .venv/bin/python -m bench.peer_odbc pyodbc|arrow-odbc QUERY...

Prints JSON: rows, seconds from the sign-in to the last row, and this process's processor time in them.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable
from typing import Final

import arrow_odbc
import pyodbc

FETCH_ROWS: Final = 10_000


def with_pyodbc(connection_string: str, query: str) -> int:
    rows = 0
    connection = pyodbc.connect(connection_string, autocommit=True)
    cursor = connection.execute(query)
    while fetched := cursor.fetchmany(FETCH_ROWS):
        rows += len(fetched)
    connection.close()
    return rows


def with_arrow_odbc(connection_string: str, query: str) -> int:
    reader = arrow_odbc.read_arrow_batches_from_odbc(
        query, connection_string=connection_string, batch_size=FETCH_ROWS, fetch_concurrently=True
    )
    return sum(batch.num_rows for batch in reader)


HOW: Final[dict[str, Callable[[str, str], int]]] = {"pyodbc": with_pyodbc, "arrow-odbc": with_arrow_odbc}


def main() -> None:
    how, *queries = sys.argv[1:]
    began, used = time.perf_counter(), time.process_time()
    rows = sum(HOW[how](os.environ["ODBC_CONNECTION"], query) for query in queries)
    seconds, processor = time.perf_counter() - began, time.process_time() - used
    print(json.dumps({"rows": rows, "seconds": seconds, "processor_seconds": processor}))


if __name__ == "__main__":
    main()

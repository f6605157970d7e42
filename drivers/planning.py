"""What the plans of all drivers have in common: arithmetic of pages, and words."""

from __future__ import annotations


def pages_of(rows: int | None, page_rows: int) -> int | None:
    """Pages of so many rows; an empty read is one page too. None: the rows are not known."""
    return None if rows is None else max(1, -(-rows // page_rows))


def calls_of(rows: int | None, page_rows: int, *, each_page: int, once: int = 0) -> int | None:
    """Calls of a read that makes `each_page` of them for a page, and `once` whatever it finds."""
    pages = pages_of(rows, page_rows)
    return None if pages is None else once + pages * each_page

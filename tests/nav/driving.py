"""A driver at a server of pages, and what it is asked."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from drivers.contract import (
    Mark,
    MarkKind,
    ReadMode,
    ReadRequest,
    StreamSpec,
)
from drivers.soap.driver import soap_driver
from drivers.soap.pages.driver import PagesDriver
from tests.nav.company import connection
from tests.nav.server import NavServer


@asynccontextmanager
async def driving(server: NavServer, folder: Path, **options: Any) -> AsyncIterator[PagesDriver]:
    driver = soap_driver("nav", *connection(server, folder, **options))
    assert isinstance(driver, PagesDriver)
    try:
        yield driver
    finally:
        await driver.aclose()


def scan(stream: StreamSpec, **more: Any) -> ReadRequest:
    return ReadRequest(stream, more.pop("mode", ReadMode.SCAN), **more)


def changes(stream: StreamSpec, start: str, end: str, **more: Any) -> ReadRequest:
    return ReadRequest(stream, ReadMode.CHANGES, Mark(MarkKind.DATE, start), Mark(MarkKind.DATE, end), **more)

"""The options that every connection over SOAP has; each kind of service adds its own."""

from __future__ import annotations

from pathlib import Path
from typing import Final, Literal

from pydantic import Field

from drivers.cache_folder import cache_folder
from drivers.http.options import HttpOptions

PAGE: Final = "docs/drivers/soap.md"


class SoapOptions(HttpOptions):
    """`[options]` of a connection file."""

    services: Literal["nav-pages", "ax-documents"]
    # Where the WSDLs are kept, in a folder for each connection. Without it in the cache folder of the account that
    # the agent runs as; where that cannot be written, they are fetched at each start.
    wsdl_folder: str | None = None
    page_size: int = Field(default=500, ge=1, le=10_000)  # records that one answer is asked for, at most


def folder_of(options: SoapOptions, connection: str) -> Path:
    if options.wsdl_folder is not None:
        return Path(options.wsdl_folder) / connection
    return cache_folder("wsdl", connection, option="wsdl_folder")

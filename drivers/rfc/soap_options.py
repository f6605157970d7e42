"""`[options.soap]`: where SOAP-RFC is on the host of `[options.http]`."""

from __future__ import annotations

from pydantic import Field

from drivers.option_tables import Strict


class SoapOptions(Strict):
    path: str = Field(default="/sap/bc/soap/rfc", pattern=r"^/[^?#\s]*$")
    wsdl_path: str = Field(default="/sap/bc/soap/wsdl", pattern=r"^/[^?#\s]*$")
    # Whether the service keeps a session for a cookie. Without, nothing can be written this way.
    sessions: bool = False

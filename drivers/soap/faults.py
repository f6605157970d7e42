"""Pure: what a server says instead of an answer: a SOAP fault, or a status of HTTP."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from drivers.contract import (
    BadConfiguration,
    CredentialsRefused,
    DriverError,
    NotPermitted,
    SourceBusy,
    SourceChanged,
)
from drivers.http.messages import Answer, masked
from drivers.http.windows import offered_schemes

MOST_TEXT: Final = 500  # characters of the system's words
_BY_STATUS: Final[dict[int, type[DriverError]]] = {
    400: BadConfiguration,
    401: CredentialsRefused,
    403: NotPermitted,
    404: SourceChanged,
    405: BadConfiguration,
    407: BadConfiguration,
    410: SourceChanged,
    415: BadConfiguration,
}
_HINTS: Final[dict[type[DriverError], str]] = {
    NotPermitted: "Let the administrator give the account the right to use the service.",
    SourceBusy: "It is tried again by itself. If it lasts, ask for the server's event log.",
    SourceChanged: "See that the service is published under this name, and that options.url is right.",
    BadConfiguration: "See that options.url names the SOAP services, and not another door of the server.",
}


class SoapFault(Exception):
    """The service's own refusal; the half of the driver that called it knows what its code means."""

    def __init__(
        self, code: str, text: str, detail: str = "", status: int = 500, element: Any = None
    ) -> None:
        super().__init__(text)
        self.code = code  # the last part of the fault code, without its prefix
        self.text = text
        self.detail = detail
        self.status = status
        self.element = element  # the whole fault, for a half that knows the shape of its detail


def fault_of(element: Any, status: int, hidden: Iterable[str] = ()) -> SoapFault:
    """Of a `Fault` of SOAP 1.1 or 1.2."""
    secrets = tuple(hidden)

    def first(*names: str) -> str:
        for name in names:
            for each in element.iter(f"{{*}}{name}"):
                text = " ".join(" ".join(each.itertext()).split())
                if text:
                    return masked(text, secrets)[:MOST_TEXT]
        return ""

    code = first("faultcode", "Value").rpartition(":")[2]
    text = first("faultstring", "Text") or "the service answered with a fault that says nothing"
    return SoapFault(code, text, first("detail", "Detail"), status, element)


def refusal(answer: Answer, *, where: str) -> DriverError:
    """The error of an answer that holds no SOAP."""
    if answer.status == 401:  # noqa: PLR2004 - HTTP's own number
        return _not_signed_in(answer)
    kind = _BY_STATUS.get(answer.status, SourceBusy)
    return kind(f"the server answered {answer.status} to {_path(answer)}", where=where, hint=_HINTS[kind])


def _not_signed_in(answer: Answer) -> CredentialsRefused:
    offered = ", ".join(offered_schemes([answer.headers.get("www-authenticate", "")]))
    said = f"; the server takes {offered}" if offered else ""
    return CredentialsRefused(
        f"the sign-in was refused (401){said}",
        where="options.auth",
        hint="Correct the account in options.auth and its secret. A locked or expired account looks the same. "
        "The kind of sign-in has to be one that the server takes.",
    )


def _path(answer: Answer) -> str:
    return "/" + answer.url.partition("://")[2].partition("/")[2].partition("?")[0][:200]

"""Calling function modules over HTTP as classic SOAP-RFC. Each call is a session of its own unless one is opened."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from threading import RLock
from typing import Any, Final, Protocol
from urllib.parse import quote, urlencode

from drivers.contract import BadConfiguration, DriverError, SourceBusy, Throttled, Unreachable
from drivers.http.icf import ACTIVATE, FORBIDDEN, LOGON_CAUSES, is_inactive, is_page
from drivers.http.messages import Answer, Request
from drivers.http.transport import NotSent
from drivers.rfc import interfaces, soap_text, wsdl
from drivers.rfc.abap import Interface
from drivers.rfc.caller import CallFailed, Reply, Session, Trouble, Value
from drivers.rfc.errors import trouble_in
from drivers.rfc.soap_options import SoapOptions
from drivers.rfc.xml_text import BadXml

OK: Final = 200
UNAUTHORIZED: Final = 401
NOT_FOUND: Final = 404
SERVER_FAULT: Final = 500
_OF_A_LOGON: Final = frozenset({Trouble.LOGON, Trouble.LOCKED, Trouble.EXPIRED, Trouble.CLIENT})
_SHOWN: Final = 500  # bytes of an answer
_OPTION: Final = re.compile(r"\boptions\.(?!http)")
_CONTEXT: Final = "sap-contextid"


class Post(Protocol):
    """Sends one HTTP request. Raises DriverError only, NotSent where nothing was sent."""

    def send(self, request: Request) -> Answer: ...

    def close(self) -> None: ...


class SoapCaller:
    way = "soap"

    def __init__(self, post: Post, options: SoapOptions, client: str, language: str) -> None:
        self._post = post
        self._options = options
        self._query = {"sap-client": client, **({"sap-language": language} if language else {})}
        self._one_at_a_time = RLock()
        self._server = ""

    @property
    def product(self) -> str:
        return self._server

    def version(self) -> str:
        return f"classic SOAP-RFC at {self._options.path}"

    def call(self, function: str, /, **parameters: Value) -> Reply:
        with self._one_at_a_time:
            return self._called(function, parameters, {}, {})

    def interface(self, function: str, /) -> Interface | None:
        with self._one_at_a_time:
            found = self._described(function)
        return found or interfaces.ask(self, function)

    @contextmanager
    def session(self) -> Iterator[Session]:
        if not self._options.sessions:
            raise BadConfiguration(
                "over SOAP each call is a session of its own, so nothing that is written could be committed",
                where="options.soap.sessions",
                hint="Choose another way for writing (options.way), or let the SAP team confirm that the service keeps "
                "sessions and set options.soap.sessions = true.",
            )
        with self._one_at_a_time:
            session = _HttpSession(self)
            try:
                yield session
            finally:
                session.end()

    def close(self) -> None:
        with self._one_at_a_time:  # a call at work would wait for ever for a loop that stopped
            self._post.close()

    def _called(
        self,
        function: str,
        parameters: Mapping[str, Any],
        query: Mapping[str, str],
        cookies: dict[str, str],
    ) -> dict[str, Any]:
        body = soap_text.envelope(function, parameters)
        headers = {
            "Content-Type": "text/xml; charset=utf-8",
            "SOAPAction": f'"{soap_text.ACTION}{soap_text.element_name(function)}"',
        }
        if cookies:
            headers["Cookie"] = "; ".join(f"{name}={value}" for name, value in cookies.items())
        answer = self._sent(
            Request("POST", self._target(self._options.path, query), headers, body, "options.soap"), function
        )
        cookies.update(_cookies(answer))
        if answer.status not in {OK, SERVER_FAULT}:
            raise _refused(answer, function, self._options.path, self._query["sap-client"])
        try:
            return soap_text.reply(function, answer.body)
        except BadXml as error:
            if answer.status == SERVER_FAULT:
                raise _bare_fault(function) from error
            if is_page(answer):
                raise _page_instead(function) from error
            raise CallFailed(
                Trouble.LOST, f"the reply is no XML that can be read: {error}", function=function
            ) from error

    def _described(self, function: str) -> Interface | None:
        """From the WSDL, where its service is active and describes the function."""
        target = self._target(self._options.wsdl_path, {"services": function})
        try:
            answer = self._sent(Request("GET", target, {}, b"", "options.soap", repeatable=True), function)
        except CallFailed as error:
            if error.trouble is Trouble.UNREACHED:
                raise
            return None
        if answer.status != OK:
            return None
        try:
            return wsdl.interface_of(function, answer.body)
        except ValueError:
            return None

    def _sent(self, request: Request, function: str) -> Answer:
        try:
            answer = self._post.send(request)
        except NotSent as error:
            raise CallFailed(Trouble.UNREACHED, error.message, hint=_placed(error.hint)) from error
        except Throttled as error:
            raise CallFailed(
                Trouble.BUSY, error.message, function=function, retry_after=error.retry_after
            ) from error
        except SourceBusy as error:
            raise CallFailed(Trouble.BUSY, error.message, function=function) from error
        except Unreachable as error:
            raise CallFailed(
                Trouble.LOST, error.message, function=function, hint=_placed(error.hint)
            ) from error
        except DriverError as error:
            raise CallFailed(Trouble.SETUP, error.message, hint=_placed(error.hint)) from error
        self._server = answer.headers.get("server", "") or self._server or "SAP over SOAP"
        return answer

    def _target(self, path: str, query: Mapping[str, str]) -> str:
        return f"{path}?{urlencode({**self._query, **query}, quote_via=quote)}"


class _HttpSession:
    """A session that SAP keeps for a cookie, from the first call to the last."""

    def __init__(self, caller: SoapCaller) -> None:
        self._caller = caller
        self._cookies: dict[str, str] = {}
        # Nothing of the unit of work is risked to find out whether there are sessions.
        caller._called("RFC_PING", {}, {"sap-sessioncmd": "open"}, self._cookies)  # noqa: SLF001 - the caller's own session
        if _CONTEXT not in self._cookies:
            raise CallFailed(
                Trouble.SETUP,
                "the system opened no session: its reply has no cookie sap-contextid",
                hint="Remove options.soap.sessions and choose another way for writing.",
            )

    def call(self, function: str, /, **parameters: Value) -> Reply:
        mine = _session_in(self._cookies)
        reply = self._caller._called(function, parameters, {}, self._cookies)  # noqa: SLF001
        if _session_in(self._cookies) != mine:
            # The one with our unit of work is gone, and a commit in the new one would commit nothing.
            raise CallFailed(Trouble.LOST, "the system went on in another session", function=function)
        return reply

    def end(self) -> None:
        """SAP undoes what was not committed."""
        try:
            self._caller._called("RFC_PING", {}, {"sap-sessioncmd": "close"}, self._cookies)  # noqa: SLF001
        except CallFailed:
            return  # SAP ends it by itself after a while


def _placed(hint: str) -> str:
    """The client speaks of its options, which stand in a table of their own here."""
    return _OPTION.sub("options.http.", hint)


def _session_in(cookies: Mapping[str, str]) -> str:
    """SAP marks the cookie of one session as new at first and as attached later."""
    return re.sub("-(NEW|ATT)$", "", cookies.get(_CONTEXT, ""))


def _cookies(answer: Answer) -> dict[str, str]:
    """Name and value of what is to be set; all of them arrive as one header, joined by commas."""
    found = {}
    for part in answer.headers.get("set-cookie", "").split(","):
        name, equals, value = part.strip().partition(";")[0].partition("=")
        if equals and name.lower() in {_CONTEXT, "sap-usercontext"}:
            found[name.lower()] = value
    return found


def _refused(answer: Answer, function: str, path: str, client: str) -> CallFailed:
    if answer.status == UNAUTHORIZED:
        return _logon_refused(answer, client)
    if is_inactive(answer):
        return _inactive(path, "403")
    if answer.status == FORBIDDEN:
        return CallFailed(
            Trouble.AUTHORITY,
            f"{path} answers 403: the user may not use the service, or it is not active",
            hint=f"Ask the SAP team to grant S_ICF and S_RFC for {path}, and to see in transaction SICF that it and all "
            "nodes above it are active, and that it does not ask for HTTPS where options.http.url has none.",
        )
    if answer.status == NOT_FOUND:
        return _inactive(path, "404")
    if answer.status >= SERVER_FAULT:
        return CallFailed(Trouble.LOST, f"the server answered {answer.status}", function=function)
    return CallFailed(Trouble.SETUP, f"the server answered {answer.status}", function=function)


def _logon_refused(answer: Answer, client: str) -> CallFailed:
    said = "" if is_page(answer) else answer.body[:_SHOWN].decode("utf-8", "replace")
    trouble = trouble_in(said)
    if trouble in _OF_A_LOGON:
        return CallFailed(trouble, f"the logon was refused (401): {said}")
    return CallFailed(
        Trouble.LOGON,
        f"the logon in client {client} was refused (401); over HTTP SAP does not say why",
        hint=f"Compare options.user and options.client with the SAP GUI logon: {LOGON_CAUSES}",
    )


def _inactive(path: str, status: str) -> CallFailed:
    return CallFailed(
        Trouble.SETUP,
        f"{path} answers {status}: the service is not active, or options.soap.path is wrong",
        hint=ACTIVATE.format(path=path),
    )


def _page_instead(function: str) -> CallFailed:
    return CallFailed(
        Trouble.SETUP,
        "a page of HTML came instead of an answer: to log on with, to change the password, or of a proxy",
        function=function,
        hint="See in a browser what options.http.url shows. Ask the SAP team to have the service take basic "
        "authentication (transaction SICF, Logon Data), and for a user of type System, whose password does not expire.",
    )


def _bare_fault(function: str) -> CallFailed:
    """An answer of 500 without a fault in it: what SAP gives for a function module that it does not have."""
    return CallFailed(
        Trouble.MISSING,
        "the system answered 500 and said nothing: there may be no such function module, or it ended with a short dump",
        function=function,
        hint="Ask the SAP team whether SE37 has it, open for remote calls, and whether ST22 shows a dump of this user.",
    )

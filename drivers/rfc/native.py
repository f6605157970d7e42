"""Calling function modules without SAP's library, through `saprfclib`, which speaks the protocol in Python. Young."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, Final

from drivers.rfc.caller import CallFailed, MessageId, Trouble
from drivers.rfc.connections import ConnectedCaller, TookTooLong
from drivers.rfc.errors import NO_AUTHORITY, network_words, trouble_in

_LOGON_TROUBLES: Final = frozenset(
    {Trouble.LOGON, Trouble.LOCKED, Trouble.EXPIRED, Trouble.CLIENT, Trouble.ROUTE}
)

# Of a layout that could not be learnt, and of an answer that could not be read: then its connection reads nothing more.
_OF_THE_CALL: Final = frozenset({"IncompleteDescriptorError", "ValueError"})
_NO_PARAMETER: Final = "not in the function interface"  # found before anything is sent
_BROKEN: Final = frozenset({"CommunicationError", "EOFError"})
_REFUSED: Final = "logon failed"  # its own words before SAP's
_NEEDS_HTTP: Final = (
    "Ask the SAP team for the message server's port for HTTP (8100 and its number; open only where the profile parameter "
    "ms/server_port_0 says so) and set options.message_server_port; or name an application server in options.host."
)
# What the library says before SAP answers: what it means, and what to do about it.
_BEFORE_SAP: Final = (
    (
        re.compile("NI frame"),
        Trouble.SETUP,
        "What answers there is no gateway of SAP. Compare options.host and options.system_number with SAP Logon's entry.",
    ),
    (
        re.compile("message-server port"),
        Trouble.SETUP,
        _NEEDS_HTTP,
    ),
    (
        re.compile("message server HTTP"),
        Trouble.UNREACHED,
        _NEEDS_HTTP,
    ),
)
_OF_A_FAILURE: Final = frozenset({Trouble.AUTHORITY, Trouble.BUSY, Trouble.MISSING})


def caller(parameters: Mapping[str, Any], library: Callable[[], Any] | None = None) -> ConnectedCaller:
    """Connects to nothing."""
    load = library or _load

    def connect() -> Any:
        # By default a parameter that the function does not have would be dropped without a word.
        return load().connect(**parameters, strict_params=True)

    place = _place(parameters)

    def judged(error: BaseException, function: str, *, sent: bool) -> CallFailed:
        return judge(error, function, sent=sent, place=place)

    return ConnectedCaller("native", connect, judged, lambda: version(load))


def _place(parameters: Mapping[str, Any]) -> str:
    """Where the library connects to first."""
    if parameters.get("mshost"):
        return f"the message server {parameters['mshost']}"
    if parameters.get("saprouter"):
        return f"the SAProuter {parameters['saprouter']}"
    return f"the gateway {parameters.get('ashost', '')}:33{parameters.get('sysnr', '')}"


def available() -> bool:
    try:
        _load()
    except CallFailed:
        return False
    return True


def version(library: Callable[[], Any] | None = None) -> str:
    """Raises CallFailed where it is not installed."""
    return f"saprfclib {(library or _load)().__version__}"


def _load() -> Any:
    try:
        import saprfclib  # noqa: PLC0415 - optional
    except ImportError as error:
        raise CallFailed(
            Trouble.SETUP,
            f"saprfclib is not installed: {error}",
            hint='It needs Python 3.12 or later: "pip install groundwire[rfc]" there, or choose another options.way.',
        ) from error
    return saprfclib


def judge(error: BaseException, function: str, *, sent: bool, place: str = "the gateway") -> CallFailed:
    """What an exception of the library means."""
    if isinstance(error, CallFailed):
        return error
    name, words = type(error).__name__, network_words(str(getattr(error, "message", "") or error))
    said = trouble_in(words)
    number = MessageId(
        str(getattr(error, "msg_class", "") or ""),
        str(getattr(error, "msg_number", "") or ""),
        str(getattr(error, "msg_type", "") or ""),
    )
    key = str(getattr(error, "key", "") or "")
    if sent and _timed_out(error):
        return TookTooLong(
            Trouble.LOST,
            words or "no answer in time",
            function=function,
            hint="See in SM50 what this user's call does; lower rows_per_call or raise options.call_seconds.",
        )
    known = next((known for known in _BEFORE_SAP if known[0].search(words)), None)
    if not sent and known is not None:
        return CallFailed(known[1], words, hint=known[2])
    if not sent and said is None and (isinstance(error, OSError) or name in _BROKEN):
        reason = getattr(error, "strerror", None) or words
        return CallFailed(Trouble.UNREACHED, f"{place} was not reached: {reason}")
    broken = isinstance(error, OSError)  # below its protocol the library lets the system's own errors through
    return CallFailed(
        _trouble("CommunicationError" if broken else name, key, said, words, sent=sent),
        words or key,
        function=function,
        key=key if name == "AbapApplicationError" else "",
        message_id=number,
    )


def _timed_out(error: BaseException) -> bool:
    """The library gives up by the socket's own limit, which it keeps behind its error."""
    behind = (error, getattr(error, "original_exception", None), error.__cause__)
    return any(isinstance(each, TimeoutError) for each in behind)


def _trouble(name: str, key: str, said: Trouble | None, words: str, *, sent: bool) -> Trouble:
    kept_out = None if sent else _kept_out(name, key, said, words)
    if kept_out is not None:
        return kept_out
    if name == "AbapApplicationError":
        return Trouble.MISSING if key == "FU_NOT_FOUND" else Trouble.EXCEPTION
    if name == "AbapSystemFailure":
        return said if said is not None and said in _OF_A_FAILURE else Trouble.FAILURE
    if sent and name in _OF_THE_CALL:
        return Trouble.EXCEPTION if _NO_PARAMETER in words else Trouble.FAILURE
    if sent:
        return Trouble.LOST
    return Trouble.UNREACHED if name in _BROKEN else Trouble.SETUP


def _kept_out(name: str, key: str, said: Trouble | None, words: str) -> Trouble | None:
    """What a logon failed with; None: it did not come so far."""
    if said in _LOGON_TROUBLES or words.startswith(_REFUSED):
        return said or Trouble.LOGON
    if said is Trouble.AUTHORITY or key in NO_AUTHORITY:  # the user may not even call RFC_PING
        return Trouble.AUTHORITY
    return (said or Trouble.LOGON) if name == "AbapSystemFailure" else None

"""Calling function modules with the customer's SAP NW RFC SDK, through `pyrfcx`."""

from __future__ import annotations

import platform
import struct
from collections.abc import Callable, Mapping
from typing import Any, Final

from drivers.rfc.caller import CallFailed, MessageId, Trouble
from drivers.rfc.connections import ConnectedCaller
from drivers.rfc.errors import network_words, trouble_in

# The SDK's own numbers (RFC_RC).
_LOGON_CODES: Final = frozenset({2, 29, 30})
_LOST_CODES: Final = frozenset({1, 6, 7, 8, 32})
# What a logon fails with beside a wrong password; the last where the user may not even call RFC_PING.
_KEPT_OUT: Final = frozenset({Trouble.LOCKED, Trouble.EXPIRED, Trouble.CLIENT, Trouble.AUTHORITY})
_MISSING_KEYS: Final = frozenset({"FU_NOT_FOUND", "FUNCTION_NOT_FOUND"})
_WRONG_BITS: Final = (
    "wrong elf class",
    "not a valid win32 application",
    "%1 is not a valid",
    "mach-o",
    "architecture",
    "os error 193",
)


def caller(
    parameters: Mapping[str, str],
    library: Callable[[], Any] | None = None,
    *,
    call_seconds: float | None = None,
) -> ConnectedCaller:
    """Connects to nothing. `parameters` as the SDK names them: ashost, sysnr, client, user, passwd ..."""
    load = library or _load

    def connect() -> Any:
        return load().Connection(**parameters)

    return ConnectedCaller("sdk", connect, judge, lambda: version(load), call_seconds=call_seconds)


def available() -> bool:
    """Whether the Python side is installed and finds the SDK."""
    try:
        _load().sdk_version()
    except Exception:  # noqa: BLE001 - any failure means that another way has to do
        return False
    return True


def version(library: Callable[[], Any] | None = None) -> str:
    """Raises CallFailed where the SDK is missing or of another kind than this process."""
    try:
        found = (library or _load)().sdk_version()
    except Exception as error:
        raise judge(error, "", sent=False) from error
    return f"SAP NW RFC SDK {found.major}.{found.minor} patch {found.patch_level}"


def _load() -> Any:
    try:
        import pyrfcx  # noqa: PLC0415 - optional, and it loads a native library
    except ImportError as error:
        raise CallFailed(
            Trouble.SETUP,
            f"pyrfcx is not installed: {error}",
            hint='Install it with "pip install groundwire[rfc]", or choose another options.way.',
        ) from error
    return pyrfcx


def judge(error: BaseException, function: str, *, sent: bool) -> CallFailed:
    """What an exception of the library means; by its class's name, for without the SDK there is none to import."""
    if isinstance(error, CallFailed):
        return error
    name, words = type(error).__name__, str(getattr(error, "message", "") or error)
    if name == "SdkNotFoundError":
        return _sdk_missing(words)
    number = MessageId(
        str(getattr(error, "abap_msg_class", "") or ""),
        str(getattr(error, "abap_msg_number", "") or ""),
        str(getattr(error, "abap_msg_type", "") or ""),
    )
    key, code = str(getattr(error, "key", "") or ""), int(getattr(error, "code", 0) or 0)
    broken = "CommunicationError" if isinstance(error, OSError) else name
    words = network_words(words)
    trouble = _trouble(broken, key, code, words, sent=sent)
    return CallFailed(
        trouble,
        words or key,
        function=function,
        key=key if trouble is Trouble.EXCEPTION else "",
        message_id=number,
    )


def _trouble(name: str, key: str, code: int, words: str, *, sent: bool) -> Trouble:
    said = trouble_in(words)
    if name == "LogonError" or code in _LOGON_CODES:
        return said if said in _KEPT_OUT else Trouble.LOGON
    if key in _MISSING_KEYS:
        return Trouble.MISSING
    if name == "AbapApplicationError":
        return Trouble.EXCEPTION
    if name == "AbapRuntimeError":
        return said if said in {Trouble.AUTHORITY, Trouble.BUSY, Trouble.MISSING} else Trouble.FAILURE
    return Trouble.LOST if sent else _unconnected(name, code, said)


def _unconnected(name: str, code: int, said: Trouble | None) -> Trouble:
    if said is Trouble.ROUTE:
        return Trouble.ROUTE
    return Trouble.UNREACHED if name == "CommunicationError" or code in _LOST_CODES else Trouble.SETUP


def _sdk_missing(words: str) -> CallFailed:
    bits = struct.calcsize("P") * 8
    if any(sign in words.lower() for sign in _WRONG_BITS):
        return CallFailed(
            Trouble.SETUP,
            f"the SAP NW RFC SDK that was found is for another kind of machine; this process has {bits} bits: {words}",
            hint=f"Install the SDK for {platform.system()} {platform.machine()} ({bits} bits).",
        )
    return CallFailed(
        Trouble.SETUP,
        f"the SAP NW RFC SDK is not installed here: {words}",
        hint="Ask the SAP team for the SAP NW RFC SDK 7.50 (a download that needs their S-user), unpack it, let the "
        'environment variable SAPNWRFC_HOME name its folder, and start the agent again. Or choose another way in options.way: "native" or "soap".',
    )

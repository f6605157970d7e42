"""The system behind stand-ins for the two libraries that speak RFC, with the names and values that those have."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

from tests.sap import reading, writing
from tests.sap.dictionary import Column
from tests.sap.modules import available, call, carry_out
from tests.sap.system import (
    AbapException,
    Busy,
    LineCut,
    LogonRefused,
    NoAuthority,
    Session,
    ShortDump,
    System,
)

assert reading
assert writing  # the modules register themselves


def _value(column: Column, text: Any) -> Any:
    if column.type in {"CURR", "QUAN", "DEC"}:
        return Decimal(str(text))
    if column.type in {"INT4", "INT2", "INT1"}:
        return int(str(text) or 0)
    return text


def _reply(session: Session, function: str, answer: dict[str, Any]) -> dict[str, Any]:
    """Values as the libraries make them: numbers as numbers, dates as they are."""
    found = available(session, function)
    assert found
    kinds = {parameter.name: parameter for parameter in found.parameters}

    def row(name: str, values: dict[str, Any]) -> dict[str, Any]:
        definition = session.system.dictionary[name]
        return {key: _value(definition.column(key), value) for key, value in values.items()}

    result: dict[str, Any] = {}
    for name, value in answer.items():
        parameter = kinds[name]
        if isinstance(value, list):
            result[name] = [row(parameter.type, each) for each in value]
        elif isinstance(value, dict):
            result[name] = row(parameter.type, value)
        else:
            result[name] = _value(parameter.column, value)
    return result


def _checked(value: Any) -> Any:
    """What neither library takes fails here as it does there."""
    if isinstance(value, dict):
        return {name: _checked(member) for name, member in value.items()}
    if isinstance(value, list):
        return [_checked(row) for row in value]
    if isinstance(value, date | time | datetime | bool) or value is None:
        raise TypeError(f"{type(value).__name__} is no value for ABAP")
    assert isinstance(value, str | int | Decimal | bytes), value
    return value


class RfcError(Exception):
    def __init__(
        self, message: str, *, code: int = 0, key: str = "", area: str = "", number: str = ""
    ) -> None:
        super().__init__(message)
        self.message, self.code, self.key = message, code, key
        self.abap_msg_class, self.abap_msg_number, self.abap_msg_type = area, number, "E" if area else ""


class LogonError(RfcError): ...


class CommunicationError(RfcError): ...


class AbapRuntimeError(RfcError): ...


class AbapApplicationError(RfcError): ...


# What SAP's network layer says, in the form of PyRFC's issues 43 and 366.
_NETWORK = """
LOCATION    CPIC (TCP/IP) on local host agent.example with Unicode
ERROR       {cause}
TIME        Sat May  4 20:49:40 2024
RELEASE     753
COMPONENT   NI (network interface)
VERSION     40
RC          -10
MODULE      /bas/753_REL/src/base/ni/nixxi.cpp
LINE        3458
DETAIL      NiPConnect2: {place}
SYSTEM CALL connect
ERRNO       111
ERRNO TEXT  Connection refused
COUNTER     2
"""
_PINGED_AT_LOGON = "RFCPING"


def _unreached(parameters: dict[str, Any]) -> str | None:
    """What keeps a connection from coming about; None: nothing."""
    place = f"{parameters['ashost']}:33{parameters['sysnr']}"
    if "closed" in parameters.get("saprouter", ""):
        cause = f"router.example: route permission denied (agent.example to {place.replace(':', ', ')})"
        return _NETWORK.format(cause=cause, place=place)
    if parameters["ashost"] != "sap.example" or parameters["sysnr"] != "00":
        return _NETWORK.format(cause=f"partner '{place}' not reached", place=place)
    return None


def _may_not_ping(session: Session) -> str:
    allowed = session.user.functions
    pinged = allowed is None or _PINGED_AT_LOGON in allowed
    return "" if pinged else f"No RFC authorization for function module {_PINGED_AT_LOGON}."


class SdkConnection:
    def __init__(self, system: System, **parameters: str) -> None:
        unreached = _unreached(parameters)
        if unreached is not None:
            raise CommunicationError(unreached, code=1, key="RFC_COMMUNICATION_FAILURE")
        try:
            self._session = system.logon(parameters["user"], parameters["passwd"], parameters["client"])
        except LogonRefused as error:
            raise LogonError(str(error), code=2, key="RFC_LOGON_FAILURE") from error
        unpinged = _may_not_ping(self._session)
        if unpinged:
            raise AbapRuntimeError(unpinged, code=3, key="RFC_ABAP_RUNTIME_FAILURE")
        self._closed = False

    def call(self, function: str, /, **parameters: Any) -> dict[str, Any]:
        if self._closed:
            raise ValueError("connection is closed")
        session = self._session
        try:
            if available(session, function) is None:
                raise RfcError(f"Function module {function} not found", code=5, key="FU_NOT_FOUND")
            return _reply(session, function, call(session, function, _checked(parameters)))
        except AbapException as error:
            raise AbapApplicationError(
                error.text, code=5, key=error.key, area=error.area, number=error.number
            ) from error
        except (ShortDump, NoAuthority, Busy) as error:
            self.close()
            raise AbapRuntimeError(str(error), code=3, key="RFC_ABAP_RUNTIME_FAILURE") from error
        except LineCut as error:
            if error.carried_out:
                carry_out(session, function, parameters)
            self.close()
            raise CommunicationError(str(error), code=1) from error

    def close(self) -> None:
        if not self._closed:
            self._session.end()
        self._closed = True


def sdk(system: System) -> Any:
    """In place of the module `pyrfcx`."""
    return SimpleNamespace(
        Connection=lambda **parameters: SdkConnection(system, **parameters),
        sdk_version=lambda: SimpleNamespace(major=7500, minor=0, patch_level=18),
    )


class NativeAbapApplicationError(Exception):
    def __init__(self, key: str, message: str, area: str, number: str) -> None:
        super().__init__(f"{key}: {message}")
        self.key, self.message, self.msg_class, self.msg_number = key, message, area, number


class NativeAbapSystemFailure(Exception):
    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


NativeAbapApplicationError.__name__ = "AbapApplicationError"
NativeAbapSystemFailure.__name__ = "AbapSystemFailure"
NativeCommunicationError = type("CommunicationError", (Exception,), {})
NativeSapRfcError = type("SapRfcError", (Exception,), {})


def timed_out(behind: TimeoutError) -> Exception:
    """What saprfclib raises for a call whose answer did not come in its time: the socket's error lies behind its own."""
    error: Exception = NativeCommunicationError(str(behind))
    error.original_exception = behind  # type: ignore[attr-defined]
    return error


@dataclass
class NativeConnection:
    session: Session
    strict: bool

    def call(self, function: str, **parameters: Any) -> dict[str, Any]:
        try:
            answer = call(self.session, function, _checked(parameters))
        except AbapException as error:
            raise NativeAbapApplicationError(error.key, error.text, error.area, error.number) from error
        except (ShortDump, NoAuthority, Busy) as error:
            self.close()
            raise NativeAbapSystemFailure(str(error)) from error
        except LineCut as error:
            if error.carried_out:
                carry_out(self.session, function, parameters)
            self.close()
            raise NativeCommunicationError(str(error)) from error
        result = _reply(self.session, function, answer)
        return {name: _native_date(self.session, function, name, value) for name, value in result.items()}

    def close(self) -> None:
        self.session.end()


def _native_date(session: Session, function: str, name: str, value: Any) -> Any:
    """Dates of elementary parameters become Python's; those inside structures do not."""
    found = available(session, function)
    assert found
    parameter = next(each for each in found.parameters if each.name == name)
    if parameter.type != "DATS":
        return value
    return None if value.strip("0 ") == "" else datetime.strptime(value, "%Y%m%d").date()  # noqa: DTZ007


def native(system: System) -> Any:
    """In place of the module `saprfclib`."""

    def connect(**parameters: Any) -> NativeConnection:
        assert parameters["strict_params"] is True
        if "closed" in parameters.get("saprouter", ""):
            raise NativeSapRfcError(f"SAProuter refused the route: {_unreached(parameters)}")
        if _unreached(parameters) is not None:
            raise NativeCommunicationError("connection refused")
        try:
            session = system.logon(parameters["user"], parameters["passwd"], parameters["client"])
        except LogonRefused as error:
            raise ValueError(f"logon failed: {error}") from error
        unpinged = _may_not_ping(session)
        if unpinged:
            raise NativeAbapApplicationError("RFC_NO_AUTHORITY", unpinged, "", "")
        return NativeConnection(session, strict=True)

    return SimpleNamespace(connect=connect, __version__="0.0-fake")

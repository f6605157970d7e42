"""Function modules: their interfaces and the calling of them, as every front needs it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from tests.sap.dictionary import LETTERS, Column
from tests.sap.system import AbapException, NoAuthority, Session, ShortDump


@dataclass(frozen=True)
class Parameter:
    kind: str  # I, E, C, T
    name: str
    type: str  # a structure of the dictionary, or an elementary type such as CHAR
    length: int = 0
    decimals: int = 0
    optional: bool = False

    @property
    def elementary(self) -> bool:
        return self.type in LETTERS

    @property
    def column(self) -> Column:
        return Column(self.name, self.type, self.length, self.decimals)


Body = Callable[[Session, dict[str, Any]], Mapping[str, Any]]


@dataclass(frozen=True)
class Module:
    name: str
    parameters: tuple[Parameter, ...]
    body: Body


MODULES: dict[str, Module] = {}


def module(name: str, interface: str) -> Callable[[Body], Body]:
    """`I NAME TYPE[ LENGTH[,DECIMALS]][ ?]`, separated by `;`."""
    parameters = []
    for line in interface.replace("\n", ";").split(";"):
        words = line.split()
        if not words:
            continue
        optional = words[-1] == "?"
        words = words[:-1] if optional else words
        length, _, decimals = (words[3] if len(words) > 3 else "0").partition(",")
        parameters.append(
            Parameter(
                words[0], words[1], words[2], int(length), int(decimals or 0), optional or words[0] != "I"
            )
        )

    def register(body: Body) -> Body:
        MODULES[name] = Module(name, tuple(parameters), body)
        return body

    return register


def available(session: Session, name: str) -> Module | None:
    profile = session.system.profile
    found = MODULES.get(name)
    if found is None or (name.endswith(("READ_TABLE", "READ_TABLE2")) and name not in profile.readers):
        return None
    if name == "RFC_READ_TABLE" and not profile.et_data:
        kept = tuple(
            p for p in found.parameters if p.name not in {"USE_ET_DATA_4_RETURN", "GET_SORTED", "ET_DATA"}
        )
        return Module(name, kept, found.body)
    return found


def call(session: Session, name: str, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Every exporting parameter, and the tables that the call named. Values are ABAP's texts, and ints."""
    system = session.system
    assert not session.ended
    with system.lock:
        system.calls.append((name, parameters))
        system.before_call(name, parameters)
        found = available(session, name)
        if found is None:
            raise AbapException("FU_NOT_FOUND", f"Function module {name} not found", "FL", "046")
        allowed = session.user.functions
        if allowed is not None and name not in allowed:
            raise NoAuthority(f"No RFC authorization for function module {name}.")
        known = {parameter.name: parameter for parameter in found.parameters if parameter.kind != "E"}
        for given in parameters:
            if given not in known:
                raise ShortDump(f"CALL_FUNCTION_PARM_UNKNOWN: {given}")
        values = {n: _taken(session, known[n], value) for n, value in parameters.items()}
        for parameter in known.values():
            if parameter.kind == "I" and not parameter.optional and parameter.name not in values:
                raise ShortDump(f"CALL_FUNCTION_PARM_MISSING: {parameter.name}")
        try:
            reply = found.body(session, values)
        except ShortDump:
            session.rollback()
            raise
        return _answered(session, found, parameters, reply)


def carry_out(session: Session, name: str, parameters: Mapping[str, Any]) -> None:
    """The call is done, and its reply is what gets lost."""
    before, session.system.before_call = session.system.before_call, lambda _function, _parameters: None
    try:
        call(session, name, parameters)
    except (AbapException, NoAuthority, ShortDump):
        pass
    finally:
        session.system.before_call = before


def _taken(session: Session, parameter: Parameter, value: Any) -> Any:
    if parameter.kind == "T":
        return [_structured(session, parameter.type, row) for row in value or []]
    if not parameter.elementary:
        return _structured(session, parameter.type, value or {})
    return fitted(parameter.column, value)


def _structured(session: Session, name: str, row: Mapping[str, Any]) -> dict[str, str]:
    definition = session.system.dictionary[name]
    unknown = set(row) - set(definition.names)
    if unknown:
        raise ShortDump(f"{name} has no field {sorted(unknown)}")
    return {
        column.name: fitted(column, row[column.name]) if row.get(column.name) is not None else column.initial
        for column in definition.columns
    }


def fitted(column: Column, value: Any) -> str:
    """What a field holds of a value: ABAP cuts texts without a word, and so does this system."""
    text = str(value)
    if column.type in {"DATS", "TIMS"}:
        return text.replace("-", "").replace(":", "").ljust(column.length, "0")[: column.length]
    if column.type == "NUMC":
        return text.rjust(column.length, "0")[-column.length :] if column.length else text
    if column.type in {"CURR", "QUAN", "DEC"}:
        whole, _, fraction = text.strip().partition(".")
        digits = f"{whole or '0'}.{fraction.ljust(column.decimals, '0')}" if column.decimals else whole or "0"
        if (
            len(fraction.rstrip("0")) > column.decimals
            or len(digits.lstrip("-").replace(".", "")) > column.length
        ):
            raise ShortDump(f"BCD_OVERFLOW: {column.name}")
        return digits
    if column.type in {"STRG", "INT4", "INT2", "INT1", "RSTR"}:
        return text
    return text.rstrip(" ")[: column.length]


def _answered(
    session: Session, found: Module, asked: Mapping[str, Any], reply: Mapping[str, Any]
) -> dict[str, Any]:
    answer: dict[str, Any] = {}
    for parameter in found.parameters:
        if parameter.kind == "T" and parameter.name not in asked:
            continue  # a table comes back only if the call named it
        if parameter.kind == "I":
            continue
        value = reply.get(parameter.name)
        if parameter.kind == "T" or parameter.type == "SDTI_RESULT_TAB":
            answer[parameter.name] = [
                {
                    c.name: str(row.get(c.name, c.initial))
                    for c in session.system.dictionary[parameter.type].columns
                }
                for row in value or []
            ]
        elif parameter.elementary:
            answer[parameter.name] = parameter.column.initial if value is None else value
        else:
            columns = session.system.dictionary[parameter.type].columns
            answer[parameter.name] = {c.name: str((value or {}).get(c.name, c.initial)) for c in columns}
    return answer

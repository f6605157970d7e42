"""Pure: names of one installation in the queries of a profile, such as the company in NAV's names of tables.

`"{company}$Purchase Header"` with `options.names.company = "CRONUS"` is the table `"CRONUS$Purchase Header"`. A
placeholder stands for a part of a quoted name and for nothing else: the quote that would end the name is doubled in
what is put in, so no value of `names` can become SQL.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from drivers.contract import BadConfiguration, StreamSpec
from drivers.odbc.options import ConnectionOptions

# What is skipped, a name in its quotes, or what looks like a placeholder outside of any.
_PIECE: Final = re.compile(
    r"""(?P<skipped>'(?:[^']|'')*'|--[^\n]*|/\*.*?\*/)"""
    r"""|(?P<name>"(?:[^"]|"")*"|`(?:[^`]|``)*`|\[(?:[^\]]|\]\])*\])"""
    r"""|(?P<bare>\{[a-z][a-z0-9_]*\})""",
    re.DOTALL,
)
_PLACE: Final = re.compile(r"\{([a-z][a-z0-9_]*)\}")
_CLOSING: Final = {'"': '"', "`": "`", "[": "]"}
_STATEMENTS: Final = frozenset({"sql", "call", "insert", "update", "delete", "find"})


def with_names(spec: StreamSpec, options: ConnectionOptions, *, partly: bool = False) -> StreamSpec:
    """The stream with the connection's names in its queries and steps.

    `partly`: a placeholder whose name is not given stays as it is; without it, BadConfiguration is raised.
    """
    read = _Filling(options, f"streams.{spec.name}.read", partly=partly)
    write = _Filling(options, f"streams.{spec.name}.write", partly=partly)
    return replace(spec, options=read.of_read(spec.options), write=write.of_steps(spec.write))


class _Filling:
    def __init__(self, options: ConnectionOptions, where: str, *, partly: bool) -> None:
        self._given = options.names
        self._converted = str.maketrans(dict.fromkeys(options.names_convert, "_"))
        self._where = where
        self._partly = partly

    def of_read(self, options: Mapping[str, Any]) -> dict[str, Any]:
        filled = dict(options)
        if isinstance(filled.get("query"), str):
            filled["query"] = self.text(filled["query"])
        if isinstance(filled.get("change_tracking"), Mapping):
            filled["change_tracking"] = {
                self.text(table): columns for table, columns in filled["change_tracking"].items()
            }
        if isinstance(filled.get("lines"), Mapping):
            filled["lines"] = {
                name: self.of_read(lines) if isinstance(lines, Mapping) else lines
                for name, lines in filled["lines"].items()
            }
        return filled

    def of_steps(self, table: Mapping[str, Any]) -> dict[str, Any]:
        return {key: self._in_step(key, value) for key, value in table.items()}

    def text(self, sql: str) -> str:
        return _PIECE.sub(self._piece, sql)

    def _in_step(self, key: str, value: Any) -> Any:
        if isinstance(value, Mapping):
            return self.of_steps(value)
        if isinstance(value, list | tuple):
            return [self.of_steps(each) if isinstance(each, Mapping) else each for each in value]
        return self.text(value) if key in _STATEMENTS and isinstance(value, str) else value

    def _piece(self, found: re.Match[str]) -> str:
        if found["bare"] and found["bare"][1:-1] in self._given:
            raise BadConfiguration(
                f"{found['bare']} stands outside of a quoted name",
                where=self._where,
                hint=f'Write it inside the name that it is a part of: "{found["bare"]}$Purchase Header".',
            )
        if not found["name"]:
            return found.group()
        closing = _CLOSING[found["name"][0]]
        return _PLACE.sub(lambda place: self._value(place[1]).replace(closing, closing * 2), found["name"])

    def _value(self, name: str) -> str:
        if name not in self._given:
            if self._partly:
                return f"{{{name}}}"
            raise BadConfiguration(
                f"a query names a table by {{{name}}}, which the connection does not give",
                where=f"options.names.{name}",
                hint=f'Give it in the connection file: [options] names = {{ {name} = "..." }}.',
            )
        return self._given[name].translate(self._converted)

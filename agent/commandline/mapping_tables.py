"""How mappings, previews and versions look on a terminal."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

from agent.commandline.output import Output
from agent.mapping.paths import text_of

MAX_CELL: Final = 60  # characters of a value
SHOWN_REASONS: Final = 10


def show_mapping(
    output: Output, answer: Mapping[str, Any], stream: str, *, samples: int, everything: bool
) -> None:
    version = answer["version"]
    output.line(
        f"{stream}: {answer['entity']}, "
        + (f"version {version} over the connection file" if version else "as the connection file says"),
        bold=True,
    )
    if answer["error"]:
        output.line(f"{answer['error']['where']}: {answer['error']['message']}", colour="red")
        output.line(f"  What to do: {answer['error']['hint']}")
    lines = [line for line in answer["fields"] if everything or line["toml"] is not None or line["origin"]]
    columns = ["FIELD", "KIND", "SOURCE", "HOW", "SAID BY"]
    if samples:
        columns += ["SOURCE VALUES", "VALUES"]
    output.table(columns, [_field_row(line, samples=samples) for line in lines])
    _show_unused(output, answer["unused"], samples=samples)
    _show_edited(output, answer, stream)
    if answer["new_columns"]:
        output.line()
        output.line(f"New in the source: {', '.join(answer['new_columns'])}", colour="yellow")
        output.line(
            f"  To map one: groundwire mapping set {stream} customFields.NAME COLUMN; "
            f"to be told no more: groundwire mapping dismiss {stream}"
        )
    if answer["gone_columns"]:
        output.line(f"Gone from the source, and not used: {', '.join(answer['gone_columns'])}")
    if answer["remap"]:
        output.line(f"Records at the relay have an older form: `groundwire resync {stream}` maps them again.")


def show_comparison(output: Output, answer: Mapping[str, Any]) -> None:
    before, after = answer["before"], answer["after"]
    output.line(f"Tried on {answer['tried']} records, beside version {answer['version']}:")
    rows = [["rejected", before and before["rejected"], after["rejected"]]]
    rows.append(["unknown statuses", before and before["unknownStatuses"], after["unknownStatuses"]])
    output.table(["", "NOW", "AFTER"], rows)
    for reason in after["reasons"][:SHOWN_REASONS]:
        output.line(f"  {reason['count']} x {reason['field']}: {reason['reason']}", colour="red")
    if before is None:
        output.line("The mapping in force cannot be applied to what the source has now.", colour="red")
    output.line()
    table = [
        [row["key"], one["field"], _cell(one["before"]), _cell(one["after"])]
        for row in answer["rows"]
        for one in row["differences"]
    ]
    output.table(["KEY", "FIELD", "NOW", "AFTER"], table)
    for row in answer["rows"]:
        if row["more"]:
            output.line(f"{row['key']}: {row['more']} more values differ.")
    if not table:
        output.line("No record would differ.")


def show_history(output: Output, answer: Mapping[str, Any]) -> None:
    rows = [
        [
            one["version"],
            one["at"],
            f"{one['origin']} {one['name']}".strip(),
            ", ".join(_change_text(change) for change in one["changes"]),
            one["note"],
        ]
        for one in answer["versions"]
    ]
    output.table(["VERSION", "WHEN", "WHO", "WHAT", "NOTE"], rows)
    if not rows:
        output.line("Never changed at run time: the connection file alone is in force.")


def _field_row(line: Mapping[str, Any], *, samples: int) -> list[Any]:
    row = [
        line["field"],
        line["kind"] or "as the source",
        ", ".join(line["columns"]) or None,
        line["words"] or _cell(line["toml"]),
        line["origin"] or None,
    ]
    if samples:
        row += [_source_values(line["sources"]), _values(line["samples"])]
    return row


def _show_unused(output: Output, unused: Sequence[Mapping[str, Any]], *, samples: int) -> None:
    if not unused:
        return
    output.line()
    output.line("Columns that no field uses:", bold=True)
    columns = ["COLUMN", "NEW"] + (["VALUES"] if samples else [])
    output.table(
        columns,
        [
            [one["column"], "new" if one["new"] else None]
            + ([_source_values(one["sources"])] if samples else [])
            for one in unused
        ],
    )


def _show_edited(output: Output, answer: Mapping[str, Any], stream: str) -> None:
    if not answer["edited"]:
        return
    said = {line["field"]: line["file"] for line in answer["fields"]}
    output.line()
    output.line("Edited in the connection file since, without effect:", colour="yellow")
    for name in answer["edited"]:
        output.line(f"  {name}: the file says {said.get(name) or 'nothing'}")
    output.line(f"  To have the file decide again: groundwire mapping reset {stream} FIELD")


def _source_values(rows: Sequence[Sequence[Any]]) -> str:
    return _values([row[0] if len(row) == 1 else row for row in rows if row])


def _values(values: Sequence[Any]) -> str:
    return " | ".join(_cell(value) for value in values)


def _change_text(change: Mapping[str, Any]) -> str:
    name = text_of(tuple(change["path"]))
    if "spec" in change:
        return name
    return f"{name} {'removed' if 'remove' in change else 'as the file'}"


def _cell(value: Any) -> str:
    if value is None:
        return "-"
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= MAX_CELL else f"{text[:MAX_CELL]}..."

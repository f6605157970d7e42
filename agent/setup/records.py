"""The records of a preview, as a table that fits a screen. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from agent.setup.asking import Saying, Tone

MAX_COLUMNS: Final = 6
MAX_CELL: Final = 24  # characters
_LATER: Final = (
    "createdAt",
    "updatedAt",
    "statusKey",
    "typeKey",
    "customFields",
)  # shown where nothing better is
_WORDS: Final = {
    "stays": "stays here",
    "masked": "leaves masked",
    "hashed": "leaves hashed",
}


def shown(document: Mapping[str, Any], *, values: bool = True) -> Iterator[Saying]:
    """What of one stream's document (agent/previewing.py) a person wants to see.

    Without `values` nothing of a record: where nobody is present, what is said ends in somebody's log.
    """
    sample = document["sample"]
    name = document["stream"]
    if sample is None or not sample["tried"]:
        yield Saying(Tone.NOTICE, f"{name}: there is no record yet.")
        return
    leaves = document["policy"]["leaves"]
    records: Sequence[Mapping[str, Any]] = sample["records"]
    columns = _columns(records) if values else ()
    yield Saying(
        Tone.RECORDS,
        f"{name}: {_count(sample)}, {'as they would leave' if leaves else 'as they are mapped; nothing of them leaves'}",
        columns=columns,
        rows=tuple(tuple(_cell(record.get(column)) for column in columns) for record in records if values),
        lines=tuple(_notes(sample, records, columns)),
    )
    for reject in sample["rejects"][:3]:
        yield Saying(
            Tone.WARNING,
            f"{name}: record {reject['key']} does not map: {reject['field']} {reject['message']}"
            if values
            else f"{name}: a record does not map: {reject['field']}",
            "It becomes a dead letter, with its reason, and the others go on.",
        )


def _count(sample: Mapping[str, Any]) -> str:
    mapped, tried = sample["mapped"], sample["tried"]
    if mapped == tried:
        return f"the first {tried} records" if tried > 1 else "the first record"
    return f"{mapped} of the first {tried} records"


def _columns(records: Sequence[Mapping[str, Any]]) -> tuple[str, ...]:
    """Those with plain values, in the order of the model; what is the same for every record comes last."""
    plain: dict[str, list[Any]] = {}
    for record in records:
        for name, value in record.items():
            if not isinstance(value, dict | list):
                plain.setdefault(name, []).append(value)
    ranked = sorted(
        plain,
        key=lambda name: (
            name in _LATER,
            len(plain[name]) < len(records),
            set(map(str, plain[name])) == {"***"},
        ),
    )
    kept = set(ranked[:MAX_COLUMNS])
    return tuple(name for name in plain if name in kept)


def _notes(
    sample: Mapping[str, Any], records: Sequence[Mapping[str, Any]], columns: Sequence[str]
) -> Iterator[str]:
    others = {name for record in records for name in record} - set(columns)
    lines = [len(value) for record in records for value in record.values() if _is_lines(value)]
    if others:
        more = f", and {sum(lines)} lines" if lines else ""
        yield f"and {len(others)} more fields{more}" if columns else f"{len(others)} fields{more}"
    for treatment, paths in sample["withheld_fields"].items():
        tops = [path for path in paths if path.rpartition(".")[0] not in paths]
        yield f"{_WORDS.get(treatment, treatment)}: {', '.join(tops)}"
    if sample["withheld_records"]:
        yield f"{sample['withheld_records']} of them stay here whole"
    if sample["unknown_statuses"]:
        yield f"{sample['unknown_statuses']} with a status that the mapping does not know: they arrive as unknown"


def _is_lines(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and isinstance(value[0], dict)


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    text = str(value)
    return text if len(text) <= MAX_CELL else f"{text[: MAX_CELL - 3]}..."

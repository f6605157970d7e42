"""Records as the system keeps them: sparse, with ABAP's initial values for what nobody wrote."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from tests.sap_odata.metadata import EntityType
from tests.sap_odata.values import initial


class Record(dict[str, Any]):
    """The properties of one entity by name."""

    def __init__(self, type_: EntityType, values: Iterable[tuple[str, Any]] = (), **more: Any) -> None:
        super().__init__(values, **more)
        self.type = type_
        unknown = self.keys() - type_.properties.keys()
        if unknown:
            raise KeyError(f"{type_.name} has no {sorted(unknown)}")

    def __missing__(self, name: str) -> Any:
        return initial(self.type.properties[name])

    @property
    def key(self) -> tuple[Any, ...]:
        return tuple(self[each] for each in self.type.key)

    def copied(self) -> Record:
        return Record(self.type, self.items())


class Table:
    def __init__(self, type_: EntityType) -> None:
        self.type = type_
        self._rows: dict[tuple[Any, ...], Record] = {}
        self._joined: dict[tuple[str, ...], dict[tuple[Any, ...], list[Record]]] = {}

    def __len__(self) -> int:
        return len(self._rows)

    def __iter__(self) -> Iterator[Record]:
        return iter(list(self._rows.values()))

    def get(self, key: tuple[Any, ...]) -> Record | None:
        return self._rows.get(key)

    def add(self, record: Record) -> None:
        if record.key in self._rows:
            raise KeyError(record.key)
        self._rows[record.key] = record
        self._joined.clear()

    def insert(self, **values: Any) -> Record:
        record = Record(self.type, **values)
        self.add(record)
        return record

    def remove(self, key: tuple[Any, ...]) -> None:
        del self._rows[key]
        self._joined.clear()

    def touched(self) -> None:
        """Call after a record's properties were changed in place."""
        self._joined.clear()

    def where(self, **values: Any) -> list[Record]:
        """The records with these values, in the order of their keys."""
        return self.matching(tuple(values), tuple(values.values()))

    def matching(self, names: tuple[str, ...], values: tuple[Any, ...]) -> list[Record]:
        index = self._joined.get(names)
        if index is None:
            index = {}
            for record in sorted(self._rows.values(), key=lambda each: tuple(map(str, each.key))):
                index.setdefault(tuple(record[name] for name in names), []).append(record)
            self._joined[names] = index
        return list(index.get(values, ()))

    def snapshot(self) -> dict[tuple[Any, ...], Record]:
        return {key: record.copied() for key, record in self._rows.items()}

    def restore(self, rows: dict[tuple[Any, ...], Record]) -> None:
        self._rows = rows
        self._joined.clear()

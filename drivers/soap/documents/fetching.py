"""The documents of given keys. A key that is gone by now must not keep the others from being read."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from drivers.contract import RecordFault, SourceChanged
from drivers.soap.columns import texts_of
from drivers.soap.documents.criteria import content_of, named
from drivers.soap.documents.faults import AifRefusal
from drivers.soap.documents.options import FIND_KEYS
from drivers.soap.documents.port import KeyParts, Port
from drivers.soap.documents.shape import StreamShape
from drivers.soap.xml import unwritable

_FINDERS: Final = (FIND_KEYS, "find")


class Fetcher:
    def __init__(self, port: Port, shape: StreamShape, call_rows: int | None = None) -> None:
        """`call_rows`: no more documents to a call than this."""
        self._port = port
        self._together = min(port.page_size, call_rows or port.page_size)
        self._shape = shape
        types = [shape.document.definitions.type_of(each) for each in _members(shape)]
        self._lengths = [each.max_length for each in types]

    def can_be(self, key: Sequence[str]) -> bool:
        """Whether a key can belong to a record at all; one that cannot is not asked for."""
        return len(key) == len(self._lengths) and all(
            part and part == part.rstrip() and _sendable(part) and (length is None or len(part) <= length)
            for part, length in zip(key, self._lengths, strict=True)
        )

    async def records(self, keys: Sequence[KeyParts]) -> list[Any]:
        found: list[Any] = []
        size = self._together
        for start in range(0, len(keys), size):
            found += await self._read(keys[start : start + size])
        for record in found:
            self._refuse_more_than_one(record)
        return found

    async def _read(self, keys: Sequence[KeyParts]) -> list[Any]:
        """AX refuses a whole list where one of its keys is not there; then it is halved."""
        try:
            return await self._port.read(keys, where=self._shape.where)
        except AifRefusal as refusal:
            if len(keys) == 1:
                return await self._alone(keys[0], refusal)
        middle = len(keys) // 2
        return [*await self._read(keys[:middle]), *await self._read(keys[middle:])]

    async def _alone(self, key: KeyParts, refusal: AifRefusal) -> list[Any]:
        """Nothing for a record that is not there; the refusal for one that is, and cannot be read."""
        finder = next((each for each in _FINDERS if self._port.document.offers(each)), None)
        if finder is None:
            raise refusal.as_error(self._shape.where) from refusal
        try:
            answer = await self._port.ask(
                finder, content_of(named(self._shape, key)), where=self._shape.where
            )
        except AifRefusal as unfindable:
            raise unfindable.as_error(self._shape.where) from unfindable
        there = self._port.keys(answer, self._shape.where) if finder == FIND_KEYS else self._keys_in(answer)
        if key in there:
            raise RecordFault(
                f"AX cannot give the record {'/'.join(key)}: {refusal.text}",
                where=self._shape.where,
                hint="Open the record in AX; what its document needs may be missing.",
            ) from refusal
        return []

    def _keys_in(self, answer: Any) -> list[tuple[str | None, ...]]:
        return list(zip(*texts_of(self._port.records(answer), self._shape.key), strict=True))

    def _refuse_more_than_one(self, record: Any) -> None:
        for tags in self._shape.ones:
            held = [record]
            for tag in tags:
                held = [each for above in held for each in above if each.tag == tag]
            if len(held) > 1:
                name = "/".join(tag.rpartition("}")[2] for tag in tags)
                raise SourceChanged(
                    f"a record has more than one {name}",
                    where=f"{self._shape.where}.expand",
                    hint=f"Read {name} as lines.",
                )


def _members(shape: StreamShape) -> list[Any]:
    document = shape.document
    return [document.field(document.type, name, f"{shape.where}.key") for name in shape.options.key]


def _sendable(text: str) -> bool:
    return unwritable(text) is None and "\n" not in text and "\r" not in text

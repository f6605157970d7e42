"""Texts of which some are in no character set that their source declares.

A column that holds one is of the type `UnreadableText` on its page: the bytes as they came, those of the readable values
in UTF-8. The type travels with the column through lists, structs and the boundary of the process, so that whoever maps
the page can tell which values are no text. Python sees such a text with `surrogateescape`, as it sees names of files.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc

NAME: Final = "groundwire.unreadable_text"
_RAW: Final = "surrogateescape"


class _Scalar(pa.ExtensionScalar):  # type: ignore[misc]
    def as_py(self, **_: Any) -> str | None:
        raw = None if self.value is None else self.value.as_py()
        return None if raw is None else shown(raw)


class UnreadableText(pa.ExtensionType):  # type: ignore[misc]
    def __init__(self) -> None:
        super().__init__(pa.binary(), NAME)

    def __arrow_ext_serialize__(self) -> bytes:
        return b""

    @classmethod
    def __arrow_ext_deserialize__(cls, storage_type: pa.DataType, _: bytes) -> UnreadableText:
        if storage_type != pa.binary():
            raise pa.ArrowInvalid(f"{NAME} holds {storage_type} instead of binary")
        return cls()

    def __arrow_ext_scalar_class__(self) -> type[_Scalar]:
        return _Scalar


pa.register_extension_type(UnreadableText())


def is_unreadable(kind: pa.DataType) -> bool:
    return isinstance(kind, UnreadableText)


def text_column(values: pa.Array) -> pa.Array:
    """A binary array as texts, or as `UnreadableText` where one is none."""
    try:
        return values.cast(pa.string())
    except pa.ArrowInvalid:
        return pa.ExtensionArray.from_storage(UnreadableText(), values)


def column_of(values: Sequence[bytes | None]) -> pa.Array:
    return text_column(pa.array(values, pa.binary()))


def raw_texts(column: pa.Array | pa.ChunkedArray) -> list[str | None]:
    """The values as Python's texts, the bytes that are none as lone surrogates."""
    if not is_unreadable(column.type):
        texts: list[str | None] = column.to_pylist()
        return texts
    chunks = column.chunks if isinstance(column, pa.ChunkedArray) else [column]
    return [
        None if raw is None else raw.decode("utf-8", _RAW)
        for chunk in chunks
        for raw in chunk.storage.to_pylist()
    ]


def equals(column: pa.ChunkedArray, text: str) -> pa.ChunkedArray:
    """Which values are this one of Python's texts."""
    if not is_unreadable(column.type):
        return (
            pc.equal(column, text)
            if not is_raw(text)
            else pa.chunked_array([pa.array([False] * len(column))])
        )
    return pa.chunked_array([pa.array([each == text for each in raw_texts(column)], pa.bool_())])


def is_raw(text: str) -> bool:
    """Whether a text of Python's holds bytes that are none."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return True
    return False


def to_bytes(text: str) -> bytes:
    return text.encode("utf-8", _RAW)


def places(array: pa.Array) -> Mapping[int, tuple[int, int]]:
    """Of an array of the type: row to where its first byte that is no text stands (from 1), and how many there are."""
    found = {}
    for row, raw in enumerate(array.storage.to_pylist()):
        try:
            (raw or b"").decode()
        except UnicodeDecodeError as error:
            found[row] = (error.start + 1, len(raw))
    return found


def shown(raw: bytes) -> str:
    r"""For people: a byte that is no text as its number, `M\xfcller`."""
    return raw.decode("utf-8", "backslashreplace")


def shown_column(array: pa.Array) -> pa.Array:
    texts = [None if raw is None else shown(raw) for raw in array.storage.to_pylist()]
    return pa.array(texts, pa.string())

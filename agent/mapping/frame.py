"""Source columns at one level: the records of a page, or the lines of one line set as one flat table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from agent.model.columns import one_array
from drivers.unreadable import is_unreadable, places, shown_column


def plain(array: pa.Array) -> pa.Array:  # noqa: PLR0911 - one of each type
    """The column in the few types that transformations know; values unchanged, but for texts that are none."""
    kind = array.type
    if is_unreadable(kind):
        return shown_column(array)
    if isinstance(array, pa.ExtensionArray):
        return plain(array.storage)
    if pa.types.is_dictionary(kind):
        return plain(array.dictionary_decode())
    if pa.types.is_large_string(kind) or pa.types.is_string_view(kind) or pa.types.is_null(kind):
        return array.cast(pa.string())
    if pa.types.is_large_binary(kind) or pa.types.is_binary_view(kind) or pa.types.is_fixed_size_binary(kind):
        return array.cast(pa.binary())
    if pa.types.is_decimal32(kind) or pa.types.is_decimal64(kind):
        return array.cast(pa.decimal128(38, kind.scale))
    if pa.types.is_large_list(kind):
        return array.cast(pa.list_(kind.value_field))
    return array


def plain_column(column: pa.ChunkedArray | pa.Array) -> pa.Array:
    return plain(one_array(column))


class Lines:
    """The lines of one set, flat, with the way back to their records."""

    def __init__(self, array: pa.ListArray) -> None:
        lengths = pc.fill_null(pc.list_value_length(array), 0).to_numpy(zero_copy_only=False)
        self.offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int32)
        self.child: pa.Array = array.flatten()  # leaves out what a null list may point to

    def columns(self) -> dict[str, pa.Array]:
        if not pa.types.is_struct(self.child.type):
            return {}
        members = self.child.flatten()
        names = [self.child.type.field(index).name for index in range(self.child.type.num_fields)]
        return dict(zip(names, members, strict=True))


class Frame:
    def __init__(
        self, columns: dict[str, pa.Array], length: int, records: np.ndarray, positions: np.ndarray
    ) -> None:
        self._columns = columns
        self._plain: dict[str, pa.Array] = {}
        self._unreadable: dict[str, Mapping[int, tuple[int, int]]] = {}
        self.length = length
        self.records = records  # the record that each row belongs to
        self.positions = positions  # 1, 2, 3 ... inside its line set; 0 for a record itself

    def column(self, name: str) -> pa.Array:
        if name not in self._plain:
            # A page without any line may not say what columns its lines have.
            column = self._columns.get(name)
            self._plain[name] = pa.nulls(self.length, pa.string()) if column is None else plain(column)
        return self._plain[name]

    def unreadable(self, name: str) -> Mapping[int, tuple[int, int]]:
        """The rows of a column whose text is none, with the place of the first byte and how many there are."""
        column = self._columns.get(name)
        if column is None or not is_unreadable(column.type):
            return {}
        if name not in self._unreadable:
            self._unreadable[name] = places(column)
        return self._unreadable[name]

    def filter(self, keep: np.ndarray) -> Frame:
        mask = pa.array(keep)
        columns = {name: column.filter(mask) for name, column in self._columns.items()}
        return Frame(columns, int(keep.sum()), self.records[keep], self.positions[keep])


class PageFrames:
    """The frames of one page, each opened once."""

    def __init__(self, page: pa.Table) -> None:
        self._page = page
        self._lines: dict[str, tuple[Frame, np.ndarray]] = {}
        numbers = np.arange(page.num_rows, dtype=np.int64)
        columns = {name: one_array(page.column(name)) for name in page.column_names}
        self.header = Frame(columns, page.num_rows, numbers, np.zeros_like(numbers))

    def lines(self, name: str) -> tuple[Frame, np.ndarray]:
        """The lines of a set, and the offsets of each record's lines in it."""
        if name not in self._lines:
            lines = Lines(self.header.column(name))
            lengths = np.diff(lines.offsets)
            records = np.repeat(self.header.records, lengths)
            positions = np.arange(len(records)) - np.repeat(lines.offsets[:-1], lengths) + 1
            self._lines[name] = Frame(lines.columns(), len(records), records, positions), lines.offsets
        return self._lines[name]

    def offsets_of(self, frame: Frame) -> np.ndarray:
        """The offsets again, after some lines were left out."""
        counts = np.bincount(frame.records, minlength=self.header.length)
        return np.concatenate([[0], np.cumsum(counts)]).astype(np.int32)


def interleave(columns: Sequence[pa.Array], keep: Sequence[np.ndarray]) -> tuple[np.ndarray, pa.Array]:
    """Offsets and values of a list column that has, for each row, one entry of each column it is to be kept of."""
    length, width = len(columns[0]), len(columns)
    kept = np.stack(keep, axis=1)
    order = (np.arange(width)[None, :] * length + np.arange(length)[:, None])[kept]
    offsets = np.concatenate([[0], np.cumsum(kept.sum(axis=1))]).astype(np.int32)
    return offsets, pa.concat_arrays(columns).take(pa.array(order, pa.int64()))

"""What of a page of records leaves: whole columns at a time. Pure.

A field that stays is not in the table any more; a text that is masked is `***`, one that is hashed is `h1:` and 32 hex
digits of its HMAC-SHA256 under the agent's own key; what is no text and masked stays too, so that it shows as null.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from agent.model.columns import close_list, close_struct, one_array, open_list
from agent.model.entities import ENTITIES, Entity, Field, Kind, camel
from agent.policy import names
from agent.policy.model import LeaveRule
from agent.policy.treatment import Treatment, treatment_of

MASK: Final = "***"
HASH_PREFIX: Final = "h1:"
HASH_DIGITS: Final = 32


@dataclass(frozen=True, slots=True, eq=False)
class Leaving:
    records: pa.Table  # what leaves
    kept: npt.NDArray[np.bool_] | None = (
        None  # for each record that was given: whether it leaves; None: all do
    )


class LeaveFilter:
    """One entity's rule made ready. Made by `compile_leave`."""

    def __init__(self, rule: LeaveRule | None, entity: Entity | None, hash_key: bytes) -> None:
        """Without a rule it lets everything through as it is: for records that no policy is about."""
        self._rule = rule
        self._entity = entity
        self._key = hash_key
        self.hides = rule is not None and rule.hides
        self.chooses = rule is not None and bool(rule.rows)
        self.is_identity = not self.hides and not self.chooses
        self.fingerprint = _fingerprint(rule, hash_key)

    def leaves_as_it_is(self, path: str) -> bool:
        """Whether a field leaves unaltered; `path` is its exact name, such as `lineItems.quantity`."""
        return self.treatment(path) is Treatment.LEAVES

    def treatment(self, path: str) -> Treatment:
        """What becomes of a field, by its exact name."""
        if self._rule is None or self._entity is None:
            return Treatment.LEAVES
        return treatment_of(self._rule, self._entity, path).treatment

    def chooses_by(self, path: str) -> bool:
        """Whether it depends on this field which records leave."""
        return self._rule is not None and path in self._rule.rows

    def apply(self, records: pa.Table) -> Leaving:
        """`records` as the mapping makes them, columns by their names in the model; the order stays."""
        if self._rule is None or self._entity is None or self.is_identity:
            return Leaving(records)
        kept = None
        if self.chooses:
            chosen = _chosen(self._rule, records)
            if not chosen.all():
                kept = chosen
                records = records.filter(pa.array(chosen))
        return Leaving(self._formed(records, self._rule, self._entity) if self.hides else records, kept)

    def stamp(self, content_hash: int) -> int:
        """The content hash as it leaves: plain, it would tell whoever can guess a hidden value that the guess is right."""
        if not self.hides:
            return content_hash
        return int.from_bytes(self._stamp(content_hash.to_bytes(8, "little")), "little")

    def _stamp(self, content_hash: bytes) -> bytes:
        return hashlib.blake2b(content_hash, key=self._key, digest_size=8, person=b"contenthash").digest()

    def _stamps(self, hashes: pa.Array) -> pa.Array:
        plain = pc.fill_null(hashes, 0).to_numpy(zero_copy_only=False).astype("<u8").tobytes()
        stamped = b"".join([self._stamp(plain[at : at + 8]) for at in range(0, len(plain), 8)])
        missing = hashes.is_null().to_numpy(zero_copy_only=False) if hashes.null_count else None
        return pa.array(np.frombuffer(stamped, "<u8"), pa.uint64(), mask=missing)

    def _formed(self, records: pa.Table, rule: LeaveRule, entity: Entity) -> pa.Table:
        columns: dict[str, pa.Array] = {}
        for name in records.column_names:
            array = one_array(records.column(name))
            field = entity.by_name.get(name)
            if name == "content_hash":
                columns[name] = self._stamps(array)
                continue
            left = None if field is None else self._field(array, field, field.alias, rule, entity)
            if left is not None:
                columns[name] = left
        return pa.table(columns, metadata=records.schema.metadata)

    def _field(
        self, array: pa.Array, field: Field, path: str, rule: LeaveRule, entity: Entity
    ) -> pa.Array | None:
        """The column as it leaves; None: it stays."""
        whole = treatment_of(rule, entity, path).treatment
        if field.kind is Kind.CUSTOM:
            return self._members(array, None, path, rule, entity)
        if field.kind in (Kind.OBJECT, Kind.LIST):
            if whole is Treatment.MASKED:
                return None
            members = {member.name: member for member in field.fields}
            if field.kind is Kind.OBJECT:
                return self._members(array, members, path, rule, entity)
            offsets, values = open_list(array)
            formed = self._members(values, members, path, rule, entity)
            return None if formed is None else close_list(offsets, formed, array)
        return self._leaf(array, whole)

    def _members(
        self,
        array: pa.Array,
        fields: Mapping[str, Field] | None,
        path: str,
        rule: LeaveRule,
        entity: Entity,
    ) -> pa.Array | None:
        """The struct with the members that leave; None where none does. `fields` is None for the operator's own names."""
        if not pa.types.is_struct(array.type):
            return None  # an empty page: nothing is in it
        kept: dict[str, pa.Array] = {}
        for index in range(array.type.num_fields):
            name = array.type.field(index).name
            if fields is None:
                word = treatment_of(rule, entity, f"{path}.{name}")
                member = self._leaf(array.field(index), word.treatment)
            elif name in fields:
                alias = f"{path}.{fields[name].alias}"
                member = self._leaf(array.field(index), treatment_of(rule, entity, alias).treatment)
            else:
                member = None
            if member is not None:
                kept[name] = member
        return close_struct(list(kept), list(kept.values()), array) if kept else None

    def _leaf(self, array: pa.Array, treatment: Treatment) -> pa.Array | None:
        if treatment is Treatment.LEAVES:
            return array
        if treatment is Treatment.STAYS or not pa.types.is_string(array.type):
            return None
        if treatment is Treatment.MASKED:
            return pc.if_else(array.is_valid(), pa.scalar(MASK), pa.scalar(None, pa.string()))
        coded = array.dictionary_encode()
        hashed = [hash_text(self._key, value) for value in coded.dictionary.to_pylist()]
        return pa.array(hashed, pa.string()).take(coded.indices)


def compile_leave(rule: LeaveRule, entity: str, hash_key: bytes) -> LeaveFilter:
    return LeaveFilter(rule, ENTITIES[entity], hash_key)


def hash_text(key: bytes, text: str) -> str:
    return HASH_PREFIX + hmac.digest(key, text.encode("utf-8", "surrogatepass"), "sha256").hex()[:HASH_DIGITS]


def _chosen(rule: LeaveRule, records: pa.Table) -> npt.NDArray[np.bool_]:
    chosen = np.ones(records.num_rows, dtype=bool)
    for path, texts in rule.rows.items():
        array = _text_at(records, path)
        if array is None:
            return np.zeros(records.num_rows, dtype=bool)
        found = pc.is_in(array, value_set=pa.array(texts, pa.string()))
        chosen &= found.to_numpy(zero_copy_only=False)
    return chosen


def _text_at(records: pa.Table, path: str) -> pa.Array | None:
    """The column of texts at this place; None where there is no such text, so that no record is chosen by it."""
    above, dot, below = path.partition(".")
    column = _named(above, records.column_names)
    if column is None:
        return None
    array = one_array(records.column(column))
    if dot:
        if not pa.types.is_struct(array.type):
            return None
        members = [array.type.field(index).name for index in range(array.type.num_fields)]
        name = below if above == names.CUSTOM else _named(below, members)
        if name is None or name not in members:
            return None
        # A null object's members count as null, whatever lies beneath.
        array = pc.struct_field(array, members.index(name))
    return array if pa.types.is_string(array.type) else None


def _named(alias: str, columns: list[str]) -> str | None:
    return next((name for name in columns if camel(name) == alias), None)


def _fingerprint(rule: LeaveRule | None, key: bytes) -> str:
    """Equal where equal records leave in equal form."""
    if rule is None or not (rule.hides or rule.rows):
        return ""
    return f"{rule.fingerprint}-{hashlib.sha256(key).hexdigest()[:8]}" if rule.hides else rule.fingerprint


EVERYTHING: Final = LeaveFilter(None, None, b"")

from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import Any, TypeVar

from attrs import define as _attrs_define
from attrs import field as _attrs_field

T = TypeVar("T", bound="StreamOut")


@_attrs_define
class StreamOut:
    """One entity of a connection, as far as batches of it have come.

    Attributes:
        name (str):
        entity (str):
        last_seq (int): The number of the last batch that is stored.
        records (int): Records received in all, repeats of changed ones included.
        updated_at (datetime.datetime):
    """

    name: str
    entity: str
    last_seq: int
    records: int
    updated_at: datetime.datetime
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        name = self.name

        entity = self.entity

        last_seq = self.last_seq

        records = self.records

        updated_at = self.updated_at.isoformat()

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "name": name,
                "entity": entity,
                "lastSeq": last_seq,
                "records": records,
                "updatedAt": updated_at,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        name = d.pop("name")

        entity = d.pop("entity")

        last_seq = d.pop("lastSeq")

        records = d.pop("records")

        updated_at = datetime.datetime.fromisoformat(d.pop("updatedAt"))

        stream_out = cls(
            name=name,
            entity=entity,
            last_seq=last_seq,
            records=records,
            updated_at=updated_at,
        )

        stream_out.additional_properties = d
        return stream_out

    @property
    def additional_keys(self) -> list[str]:
        return list(self.additional_properties.keys())

    def __getitem__(self, key: str) -> Any:
        return self.additional_properties[key]

    def __setitem__(self, key: str, value: Any) -> None:
        self.additional_properties[key] = value

    def __delitem__(self, key: str) -> None:
        del self.additional_properties[key]

    def __contains__(self, key: str) -> bool:
        return key in self.additional_properties

from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import Any, TypeVar, cast

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..types import UNSET, Unset

T = TypeVar("T", bound="BacklogOut")


@_attrs_define
class BacklogOut:
    """What waits in the outbox, as the agent told it last.

    Attributes:
        batches (int):
        records (int): Records and tombstones.
        bytes_ (int): Of payload, as it travels.
        oldest_at (datetime.datetime | None): When the first of it was read, on the agent's clock.
        records_per_second (float | None | Unset): By which it becomes less, in the last minutes; below zero it grows.
        bytes_per_second (float | None | Unset):
        empty_in_seconds (float | None | Unset): At that rate; null: not known, or never at that rate.
        full_in_seconds (float | None | Unset): Until the outbox takes no more, at that rate; null: not known, or never.
    """

    batches: int
    records: int
    bytes_: int
    oldest_at: datetime.datetime | None
    records_per_second: float | None | Unset = UNSET
    bytes_per_second: float | None | Unset = UNSET
    empty_in_seconds: float | None | Unset = UNSET
    full_in_seconds: float | None | Unset = UNSET
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        batches = self.batches

        records = self.records

        bytes_ = self.bytes_

        oldest_at: None | str
        if isinstance(self.oldest_at, datetime.datetime):
            oldest_at = self.oldest_at.isoformat()
        else:
            oldest_at = self.oldest_at

        records_per_second: float | None | Unset
        if isinstance(self.records_per_second, Unset):
            records_per_second = UNSET
        else:
            records_per_second = self.records_per_second

        bytes_per_second: float | None | Unset
        if isinstance(self.bytes_per_second, Unset):
            bytes_per_second = UNSET
        else:
            bytes_per_second = self.bytes_per_second

        empty_in_seconds: float | None | Unset
        if isinstance(self.empty_in_seconds, Unset):
            empty_in_seconds = UNSET
        else:
            empty_in_seconds = self.empty_in_seconds

        full_in_seconds: float | None | Unset
        if isinstance(self.full_in_seconds, Unset):
            full_in_seconds = UNSET
        else:
            full_in_seconds = self.full_in_seconds

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "batches": batches,
                "records": records,
                "bytes": bytes_,
                "oldestAt": oldest_at,
            }
        )
        if records_per_second is not UNSET:
            field_dict["recordsPerSecond"] = records_per_second
        if bytes_per_second is not UNSET:
            field_dict["bytesPerSecond"] = bytes_per_second
        if empty_in_seconds is not UNSET:
            field_dict["emptyInSeconds"] = empty_in_seconds
        if full_in_seconds is not UNSET:
            field_dict["fullInSeconds"] = full_in_seconds

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        batches = d.pop("batches")

        records = d.pop("records")

        bytes_ = d.pop("bytes")

        def _parse_oldest_at(data: object) -> datetime.datetime | None:
            if data is None:
                return data
            try:
                if not isinstance(data, str):
                    raise TypeError()
                oldest_at_type_0 = datetime.datetime.fromisoformat(data)

                return oldest_at_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(datetime.datetime | None, data)

        oldest_at = _parse_oldest_at(d.pop("oldestAt"))

        def _parse_records_per_second(data: object) -> float | None | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(float | None | Unset, data)

        records_per_second = _parse_records_per_second(d.pop("recordsPerSecond", UNSET))

        def _parse_bytes_per_second(data: object) -> float | None | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(float | None | Unset, data)

        bytes_per_second = _parse_bytes_per_second(d.pop("bytesPerSecond", UNSET))

        def _parse_empty_in_seconds(data: object) -> float | None | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(float | None | Unset, data)

        empty_in_seconds = _parse_empty_in_seconds(d.pop("emptyInSeconds", UNSET))

        def _parse_full_in_seconds(data: object) -> float | None | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(float | None | Unset, data)

        full_in_seconds = _parse_full_in_seconds(d.pop("fullInSeconds", UNSET))

        backlog_out = cls(
            batches=batches,
            records=records,
            bytes_=bytes_,
            oldest_at=oldest_at,
            records_per_second=records_per_second,
            bytes_per_second=bytes_per_second,
            empty_in_seconds=empty_in_seconds,
            full_in_seconds=full_in_seconds,
        )

        backlog_out.additional_properties = d
        return backlog_out

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

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar, cast

from attrs import define as _attrs_define
from attrs import field as _attrs_field

T = TypeVar("T", bound="OutboxOut")


@_attrs_define
class OutboxOut:
    """
    Attributes:
        high_water_bytes (int | None): Of what waits; reading pauses there.
        file_bytes (int | None):
        disk_bytes (int | None):
        disk_free_bytes (int | None):
        reading_paused (bool | None):
    """

    high_water_bytes: int | None
    file_bytes: int | None
    disk_bytes: int | None
    disk_free_bytes: int | None
    reading_paused: bool | None
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        high_water_bytes: int | None
        high_water_bytes = self.high_water_bytes

        file_bytes: int | None
        file_bytes = self.file_bytes

        disk_bytes: int | None
        disk_bytes = self.disk_bytes

        disk_free_bytes: int | None
        disk_free_bytes = self.disk_free_bytes

        reading_paused: bool | None
        reading_paused = self.reading_paused

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "highWaterBytes": high_water_bytes,
                "fileBytes": file_bytes,
                "diskBytes": disk_bytes,
                "diskFreeBytes": disk_free_bytes,
                "readingPaused": reading_paused,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)

        def _parse_high_water_bytes(data: object) -> int | None:
            if data is None:
                return data
            return cast(int | None, data)

        high_water_bytes = _parse_high_water_bytes(d.pop("highWaterBytes"))

        def _parse_file_bytes(data: object) -> int | None:
            if data is None:
                return data
            return cast(int | None, data)

        file_bytes = _parse_file_bytes(d.pop("fileBytes"))

        def _parse_disk_bytes(data: object) -> int | None:
            if data is None:
                return data
            return cast(int | None, data)

        disk_bytes = _parse_disk_bytes(d.pop("diskBytes"))

        def _parse_disk_free_bytes(data: object) -> int | None:
            if data is None:
                return data
            return cast(int | None, data)

        disk_free_bytes = _parse_disk_free_bytes(d.pop("diskFreeBytes"))

        def _parse_reading_paused(data: object) -> bool | None:
            if data is None:
                return data
            return cast(bool | None, data)

        reading_paused = _parse_reading_paused(d.pop("readingPaused"))

        outbox_out = cls(
            high_water_bytes=high_water_bytes,
            file_bytes=file_bytes,
            disk_bytes=disk_bytes,
            disk_free_bytes=disk_free_bytes,
            reading_paused=reading_paused,
        )

        outbox_out.additional_properties = d
        return outbox_out

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

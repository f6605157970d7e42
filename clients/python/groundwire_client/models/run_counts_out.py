from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..types import UNSET, Unset

T = TypeVar("T", bound="RunCountsOut")


@_attrs_define
class RunCountsOut:
    """
    Attributes:
        read (int | Unset):  Default: 0.
        changed (int | Unset):  Default: 0.
        unchanged (int | Unset):  Default: 0.
        mapped (int | Unset):  Default: 0.
        enqueued (int | Unset):  Default: 0.
        tombstones (int | Unset):  Default: 0.
        dead_letters (int | Unset):  Default: 0.
        pages (int | Unset):  Default: 0.
    """

    read: int | Unset = 0
    changed: int | Unset = 0
    unchanged: int | Unset = 0
    mapped: int | Unset = 0
    enqueued: int | Unset = 0
    tombstones: int | Unset = 0
    dead_letters: int | Unset = 0
    pages: int | Unset = 0
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        read = self.read

        changed = self.changed

        unchanged = self.unchanged

        mapped = self.mapped

        enqueued = self.enqueued

        tombstones = self.tombstones

        dead_letters = self.dead_letters

        pages = self.pages

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update({})
        if read is not UNSET:
            field_dict["read"] = read
        if changed is not UNSET:
            field_dict["changed"] = changed
        if unchanged is not UNSET:
            field_dict["unchanged"] = unchanged
        if mapped is not UNSET:
            field_dict["mapped"] = mapped
        if enqueued is not UNSET:
            field_dict["enqueued"] = enqueued
        if tombstones is not UNSET:
            field_dict["tombstones"] = tombstones
        if dead_letters is not UNSET:
            field_dict["deadLetters"] = dead_letters
        if pages is not UNSET:
            field_dict["pages"] = pages

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        read = d.pop("read", UNSET)

        changed = d.pop("changed", UNSET)

        unchanged = d.pop("unchanged", UNSET)

        mapped = d.pop("mapped", UNSET)

        enqueued = d.pop("enqueued", UNSET)

        tombstones = d.pop("tombstones", UNSET)

        dead_letters = d.pop("deadLetters", UNSET)

        pages = d.pop("pages", UNSET)

        run_counts_out = cls(
            read=read,
            changed=changed,
            unchanged=unchanged,
            mapped=mapped,
            enqueued=enqueued,
            tombstones=tombstones,
            dead_letters=dead_letters,
            pages=pages,
        )

        run_counts_out.additional_properties = d
        return run_counts_out

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

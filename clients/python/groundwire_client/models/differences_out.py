from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar, cast

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..types import UNSET, Unset

T = TypeVar("T", bound="DifferencesOut")


@_attrs_define
class DifferencesOut:
    """What no change stamp had told, found by comparing: numbers of records, and the keys of a few.

    Attributes:
        missing (int | Unset): At the source, and never sent before. Default: 0.
        changed (int | Unset): Other than when they were sent. Default: 0.
        gone (int | Unset): Sent, and not at the source any more. Default: 0.
        examples (list[str] | Unset): Keys of a few of them.
        at_source (int | None | Unset): Records at the source, where the whole set was compared.
        held (int | None | Unset): Records that the agent has sent or turned down, after the repair.
    """

    missing: int | Unset = 0
    changed: int | Unset = 0
    gone: int | Unset = 0
    examples: list[str] | Unset = UNSET
    at_source: int | None | Unset = UNSET
    held: int | None | Unset = UNSET
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        missing = self.missing

        changed = self.changed

        gone = self.gone

        examples: list[str] | Unset = UNSET
        if not isinstance(self.examples, Unset):
            examples = self.examples

        at_source: int | None | Unset
        if isinstance(self.at_source, Unset):
            at_source = UNSET
        else:
            at_source = self.at_source

        held: int | None | Unset
        if isinstance(self.held, Unset):
            held = UNSET
        else:
            held = self.held

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update({})
        if missing is not UNSET:
            field_dict["missing"] = missing
        if changed is not UNSET:
            field_dict["changed"] = changed
        if gone is not UNSET:
            field_dict["gone"] = gone
        if examples is not UNSET:
            field_dict["examples"] = examples
        if at_source is not UNSET:
            field_dict["atSource"] = at_source
        if held is not UNSET:
            field_dict["held"] = held

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        missing = d.pop("missing", UNSET)

        changed = d.pop("changed", UNSET)

        gone = d.pop("gone", UNSET)

        examples = cast(list[str], d.pop("examples", UNSET))

        def _parse_at_source(data: object) -> int | None | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(int | None | Unset, data)

        at_source = _parse_at_source(d.pop("atSource", UNSET))

        def _parse_held(data: object) -> int | None | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(int | None | Unset, data)

        held = _parse_held(d.pop("held", UNSET))

        differences_out = cls(
            missing=missing,
            changed=changed,
            gone=gone,
            examples=examples,
            at_source=at_source,
            held=held,
        )

        differences_out.additional_properties = d
        return differences_out

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

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from attrs import define as _attrs_define
from attrs import field as _attrs_field

if TYPE_CHECKING:
    from ..models.dead_letter_cause_out import DeadLetterCauseOut


T = TypeVar("T", bound="DeadLetterCauseList")


@_attrs_define
class DeadLetterCauseList:
    """
    Attributes:
        items (list[DeadLetterCauseOut]): The most frequent cause first.
        complete (bool): False: there are more than 200,000 letters, or more than 500 causes. The counts are of the
            oldest 200,000; filters make it less.
    """

    items: list[DeadLetterCauseOut]
    complete: bool
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        items = []
        for items_item_data in self.items:
            items_item = items_item_data.to_dict()
            items.append(items_item)

        complete = self.complete

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "items": items,
                "complete": complete,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from ..models.dead_letter_cause_out import DeadLetterCauseOut  # noqa: PLC0415

        d = dict(src_dict)
        items = []
        _items = d.pop("items")
        for items_item_data in _items:
            items_item = DeadLetterCauseOut.from_dict(items_item_data)

            items.append(items_item)

        complete = d.pop("complete")

        dead_letter_cause_list = cls(
            items=items,
            complete=complete,
        )

        dead_letter_cause_list.additional_properties = d
        return dead_letter_cause_list

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

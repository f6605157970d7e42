from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from attrs import define as _attrs_define
from attrs import field as _attrs_field

if TYPE_CHECKING:
    from ..models.operation_out import OperationOut


T = TypeVar("T", bound="OperationList")


@_attrs_define
class OperationList:
    """
    Attributes:
        items (list[OperationOut]): As the agent told them last: entity, operation, allowed (by the local policy),
            required, anyOf (groups of fields of which each needs one), fields, updatableIn, statuses, lookup.
        told (bool): False: the agent has not told its operations.
        updated_at (datetime.datetime):
    """

    items: list[OperationOut]
    told: bool
    updated_at: datetime.datetime
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        items = []
        for items_item_data in self.items:
            items_item = items_item_data.to_dict()
            items.append(items_item)

        told = self.told

        updated_at = self.updated_at.isoformat()

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "items": items,
                "told": told,
                "updatedAt": updated_at,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from ..models.operation_out import OperationOut  # noqa: PLC0415

        d = dict(src_dict)
        items = []
        _items = d.pop("items")
        for items_item_data in _items:
            items_item = OperationOut.from_dict(items_item_data)

            items.append(items_item)

        told = d.pop("told")

        updated_at = datetime.datetime.fromisoformat(d.pop("updatedAt"))

        operation_list = cls(
            items=items,
            told=told,
            updated_at=updated_at,
        )

        operation_list.additional_properties = d
        return operation_list

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

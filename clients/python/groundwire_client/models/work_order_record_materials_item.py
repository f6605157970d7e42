from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar, cast

from attrs import define as _attrs_define

from ..types import UNSET, Unset

T = TypeVar("T", bound="WorkOrderRecordMaterialsItem")


@_attrs_define
class WorkOrderRecordMaterialsItem:
    """
    Attributes:
        material_key (None | str | Unset):
        storeroom_key (None | str | Unset):
        required_quantity (None | str | Unset):
        used_quantity (None | str | Unset):
        uom_key (None | str | Unset):
    """

    material_key: None | str | Unset = UNSET
    storeroom_key: None | str | Unset = UNSET
    required_quantity: None | str | Unset = UNSET
    used_quantity: None | str | Unset = UNSET
    uom_key: None | str | Unset = UNSET

    def to_dict(self) -> dict[str, Any]:
        material_key: None | str | Unset
        if isinstance(self.material_key, Unset):
            material_key = UNSET
        else:
            material_key = self.material_key

        storeroom_key: None | str | Unset
        if isinstance(self.storeroom_key, Unset):
            storeroom_key = UNSET
        else:
            storeroom_key = self.storeroom_key

        required_quantity: None | str | Unset
        if isinstance(self.required_quantity, Unset):
            required_quantity = UNSET
        else:
            required_quantity = self.required_quantity

        used_quantity: None | str | Unset
        if isinstance(self.used_quantity, Unset):
            used_quantity = UNSET
        else:
            used_quantity = self.used_quantity

        uom_key: None | str | Unset
        if isinstance(self.uom_key, Unset):
            uom_key = UNSET
        else:
            uom_key = self.uom_key

        field_dict: dict[str, Any] = {}

        field_dict.update({})
        if material_key is not UNSET:
            field_dict["materialKey"] = material_key
        if storeroom_key is not UNSET:
            field_dict["storeroomKey"] = storeroom_key
        if required_quantity is not UNSET:
            field_dict["requiredQuantity"] = required_quantity
        if used_quantity is not UNSET:
            field_dict["usedQuantity"] = used_quantity
        if uom_key is not UNSET:
            field_dict["uomKey"] = uom_key

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)

        def _parse_material_key(data: object) -> None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(None | str | Unset, data)

        material_key = _parse_material_key(d.pop("materialKey", UNSET))

        def _parse_storeroom_key(data: object) -> None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(None | str | Unset, data)

        storeroom_key = _parse_storeroom_key(d.pop("storeroomKey", UNSET))

        def _parse_required_quantity(data: object) -> None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(None | str | Unset, data)

        required_quantity = _parse_required_quantity(d.pop("requiredQuantity", UNSET))

        def _parse_used_quantity(data: object) -> None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(None | str | Unset, data)

        used_quantity = _parse_used_quantity(d.pop("usedQuantity", UNSET))

        def _parse_uom_key(data: object) -> None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(None | str | Unset, data)

        uom_key = _parse_uom_key(d.pop("uomKey", UNSET))

        work_order_record_materials_item = cls(
            material_key=material_key,
            storeroom_key=storeroom_key,
            required_quantity=required_quantity,
            used_quantity=used_quantity,
            uom_key=uom_key,
        )

        return work_order_record_materials_item

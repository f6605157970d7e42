from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar, cast

from attrs import define as _attrs_define

T = TypeVar("T", bound="WorkOrderMaterialsItem")


@_attrs_define
class WorkOrderMaterialsItem:
    """
    Attributes:
        material_key (None | str):
        storeroom_key (None | str):
        required_quantity (None | str):
        used_quantity (None | str):
        uom_key (None | str):
    """

    material_key: None | str
    storeroom_key: None | str
    required_quantity: None | str
    used_quantity: None | str
    uom_key: None | str

    def to_dict(self) -> dict[str, Any]:
        material_key: None | str
        material_key = self.material_key

        storeroom_key: None | str
        storeroom_key = self.storeroom_key

        required_quantity: None | str
        required_quantity = self.required_quantity

        used_quantity: None | str
        used_quantity = self.used_quantity

        uom_key: None | str
        uom_key = self.uom_key

        field_dict: dict[str, Any] = {}

        field_dict.update(
            {
                "materialKey": material_key,
                "storeroomKey": storeroom_key,
                "requiredQuantity": required_quantity,
                "usedQuantity": used_quantity,
                "uomKey": uom_key,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)

        def _parse_material_key(data: object) -> None | str:
            if data is None:
                return data
            return cast(None | str, data)

        material_key = _parse_material_key(d.pop("materialKey"))

        def _parse_storeroom_key(data: object) -> None | str:
            if data is None:
                return data
            return cast(None | str, data)

        storeroom_key = _parse_storeroom_key(d.pop("storeroomKey"))

        def _parse_required_quantity(data: object) -> None | str:
            if data is None:
                return data
            return cast(None | str, data)

        required_quantity = _parse_required_quantity(d.pop("requiredQuantity"))

        def _parse_used_quantity(data: object) -> None | str:
            if data is None:
                return data
            return cast(None | str, data)

        used_quantity = _parse_used_quantity(d.pop("usedQuantity"))

        def _parse_uom_key(data: object) -> None | str:
            if data is None:
                return data
            return cast(None | str, data)

        uom_key = _parse_uom_key(d.pop("uomKey"))

        work_order_materials_item = cls(
            material_key=material_key,
            storeroom_key=storeroom_key,
            required_quantity=required_quantity,
            used_quantity=used_quantity,
            uom_key=uom_key,
        )

        return work_order_materials_item

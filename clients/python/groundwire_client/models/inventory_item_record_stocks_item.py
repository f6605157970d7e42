from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar, cast

from attrs import define as _attrs_define

from ..types import UNSET, Unset

T = TypeVar("T", bound="InventoryItemRecordStocksItem")


@_attrs_define
class InventoryItemRecordStocksItem:
    """
    Attributes:
        key (None | str | Unset):
        site_key (None | str | Unset):
        location_key (None | str | Unset):
        storeroom_key (None | str | Unset):
        position (None | str | Unset):
        quantity (None | str | Unset):
        reserved_quantity (None | str | Unset):
        uom_key (None | str | Unset):
        unit_cost (None | str | Unset):
        currency_key (None | str | Unset):
        min_level (None | str | Unset):
        max_level (None | str | Unset):
        reorder_point (None | str | Unset):
        reorder_quantity (None | str | Unset):
    """

    key: None | str | Unset = UNSET
    site_key: None | str | Unset = UNSET
    location_key: None | str | Unset = UNSET
    storeroom_key: None | str | Unset = UNSET
    position: None | str | Unset = UNSET
    quantity: None | str | Unset = UNSET
    reserved_quantity: None | str | Unset = UNSET
    uom_key: None | str | Unset = UNSET
    unit_cost: None | str | Unset = UNSET
    currency_key: None | str | Unset = UNSET
    min_level: None | str | Unset = UNSET
    max_level: None | str | Unset = UNSET
    reorder_point: None | str | Unset = UNSET
    reorder_quantity: None | str | Unset = UNSET

    def to_dict(self) -> dict[str, Any]:
        key: None | str | Unset
        if isinstance(self.key, Unset):
            key = UNSET
        else:
            key = self.key

        site_key: None | str | Unset
        if isinstance(self.site_key, Unset):
            site_key = UNSET
        else:
            site_key = self.site_key

        location_key: None | str | Unset
        if isinstance(self.location_key, Unset):
            location_key = UNSET
        else:
            location_key = self.location_key

        storeroom_key: None | str | Unset
        if isinstance(self.storeroom_key, Unset):
            storeroom_key = UNSET
        else:
            storeroom_key = self.storeroom_key

        position: None | str | Unset
        if isinstance(self.position, Unset):
            position = UNSET
        else:
            position = self.position

        quantity: None | str | Unset
        if isinstance(self.quantity, Unset):
            quantity = UNSET
        else:
            quantity = self.quantity

        reserved_quantity: None | str | Unset
        if isinstance(self.reserved_quantity, Unset):
            reserved_quantity = UNSET
        else:
            reserved_quantity = self.reserved_quantity

        uom_key: None | str | Unset
        if isinstance(self.uom_key, Unset):
            uom_key = UNSET
        else:
            uom_key = self.uom_key

        unit_cost: None | str | Unset
        if isinstance(self.unit_cost, Unset):
            unit_cost = UNSET
        else:
            unit_cost = self.unit_cost

        currency_key: None | str | Unset
        if isinstance(self.currency_key, Unset):
            currency_key = UNSET
        else:
            currency_key = self.currency_key

        min_level: None | str | Unset
        if isinstance(self.min_level, Unset):
            min_level = UNSET
        else:
            min_level = self.min_level

        max_level: None | str | Unset
        if isinstance(self.max_level, Unset):
            max_level = UNSET
        else:
            max_level = self.max_level

        reorder_point: None | str | Unset
        if isinstance(self.reorder_point, Unset):
            reorder_point = UNSET
        else:
            reorder_point = self.reorder_point

        reorder_quantity: None | str | Unset
        if isinstance(self.reorder_quantity, Unset):
            reorder_quantity = UNSET
        else:
            reorder_quantity = self.reorder_quantity

        field_dict: dict[str, Any] = {}

        field_dict.update({})
        if key is not UNSET:
            field_dict["key"] = key
        if site_key is not UNSET:
            field_dict["siteKey"] = site_key
        if location_key is not UNSET:
            field_dict["locationKey"] = location_key
        if storeroom_key is not UNSET:
            field_dict["storeroomKey"] = storeroom_key
        if position is not UNSET:
            field_dict["position"] = position
        if quantity is not UNSET:
            field_dict["quantity"] = quantity
        if reserved_quantity is not UNSET:
            field_dict["reservedQuantity"] = reserved_quantity
        if uom_key is not UNSET:
            field_dict["uomKey"] = uom_key
        if unit_cost is not UNSET:
            field_dict["unitCost"] = unit_cost
        if currency_key is not UNSET:
            field_dict["currencyKey"] = currency_key
        if min_level is not UNSET:
            field_dict["minLevel"] = min_level
        if max_level is not UNSET:
            field_dict["maxLevel"] = max_level
        if reorder_point is not UNSET:
            field_dict["reorderPoint"] = reorder_point
        if reorder_quantity is not UNSET:
            field_dict["reorderQuantity"] = reorder_quantity

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)

        def _parse_key(data: object) -> None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(None | str | Unset, data)

        key = _parse_key(d.pop("key", UNSET))

        def _parse_site_key(data: object) -> None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(None | str | Unset, data)

        site_key = _parse_site_key(d.pop("siteKey", UNSET))

        def _parse_location_key(data: object) -> None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(None | str | Unset, data)

        location_key = _parse_location_key(d.pop("locationKey", UNSET))

        def _parse_storeroom_key(data: object) -> None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(None | str | Unset, data)

        storeroom_key = _parse_storeroom_key(d.pop("storeroomKey", UNSET))

        def _parse_position(data: object) -> None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(None | str | Unset, data)

        position = _parse_position(d.pop("position", UNSET))

        def _parse_quantity(data: object) -> None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(None | str | Unset, data)

        quantity = _parse_quantity(d.pop("quantity", UNSET))

        def _parse_reserved_quantity(data: object) -> None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(None | str | Unset, data)

        reserved_quantity = _parse_reserved_quantity(d.pop("reservedQuantity", UNSET))

        def _parse_uom_key(data: object) -> None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(None | str | Unset, data)

        uom_key = _parse_uom_key(d.pop("uomKey", UNSET))

        def _parse_unit_cost(data: object) -> None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(None | str | Unset, data)

        unit_cost = _parse_unit_cost(d.pop("unitCost", UNSET))

        def _parse_currency_key(data: object) -> None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(None | str | Unset, data)

        currency_key = _parse_currency_key(d.pop("currencyKey", UNSET))

        def _parse_min_level(data: object) -> None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(None | str | Unset, data)

        min_level = _parse_min_level(d.pop("minLevel", UNSET))

        def _parse_max_level(data: object) -> None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(None | str | Unset, data)

        max_level = _parse_max_level(d.pop("maxLevel", UNSET))

        def _parse_reorder_point(data: object) -> None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(None | str | Unset, data)

        reorder_point = _parse_reorder_point(d.pop("reorderPoint", UNSET))

        def _parse_reorder_quantity(data: object) -> None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(None | str | Unset, data)

        reorder_quantity = _parse_reorder_quantity(d.pop("reorderQuantity", UNSET))

        inventory_item_record_stocks_item = cls(
            key=key,
            site_key=site_key,
            location_key=location_key,
            storeroom_key=storeroom_key,
            position=position,
            quantity=quantity,
            reserved_quantity=reserved_quantity,
            uom_key=uom_key,
            unit_cost=unit_cost,
            currency_key=currency_key,
            min_level=min_level,
            max_level=max_level,
            reorder_point=reorder_point,
            reorder_quantity=reorder_quantity,
        )

        return inventory_item_record_stocks_item

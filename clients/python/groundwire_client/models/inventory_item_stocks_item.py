from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar, cast

from attrs import define as _attrs_define

T = TypeVar("T", bound="InventoryItemStocksItem")


@_attrs_define
class InventoryItemStocksItem:
    """
    Attributes:
        key (None | str):
        site_key (None | str):
        location_key (None | str):
        storeroom_key (None | str):
        position (None | str):
        quantity (None | str):
        reserved_quantity (None | str):
        uom_key (None | str):
        unit_cost (None | str):
        currency_key (None | str):
        min_level (None | str):
        max_level (None | str):
        reorder_point (None | str):
        reorder_quantity (None | str):
    """

    key: None | str
    site_key: None | str
    location_key: None | str
    storeroom_key: None | str
    position: None | str
    quantity: None | str
    reserved_quantity: None | str
    uom_key: None | str
    unit_cost: None | str
    currency_key: None | str
    min_level: None | str
    max_level: None | str
    reorder_point: None | str
    reorder_quantity: None | str

    def to_dict(self) -> dict[str, Any]:
        key: None | str
        key = self.key

        site_key: None | str
        site_key = self.site_key

        location_key: None | str
        location_key = self.location_key

        storeroom_key: None | str
        storeroom_key = self.storeroom_key

        position: None | str
        position = self.position

        quantity: None | str
        quantity = self.quantity

        reserved_quantity: None | str
        reserved_quantity = self.reserved_quantity

        uom_key: None | str
        uom_key = self.uom_key

        unit_cost: None | str
        unit_cost = self.unit_cost

        currency_key: None | str
        currency_key = self.currency_key

        min_level: None | str
        min_level = self.min_level

        max_level: None | str
        max_level = self.max_level

        reorder_point: None | str
        reorder_point = self.reorder_point

        reorder_quantity: None | str
        reorder_quantity = self.reorder_quantity

        field_dict: dict[str, Any] = {}

        field_dict.update(
            {
                "key": key,
                "siteKey": site_key,
                "locationKey": location_key,
                "storeroomKey": storeroom_key,
                "position": position,
                "quantity": quantity,
                "reservedQuantity": reserved_quantity,
                "uomKey": uom_key,
                "unitCost": unit_cost,
                "currencyKey": currency_key,
                "minLevel": min_level,
                "maxLevel": max_level,
                "reorderPoint": reorder_point,
                "reorderQuantity": reorder_quantity,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)

        def _parse_key(data: object) -> None | str:
            if data is None:
                return data
            return cast(None | str, data)

        key = _parse_key(d.pop("key"))

        def _parse_site_key(data: object) -> None | str:
            if data is None:
                return data
            return cast(None | str, data)

        site_key = _parse_site_key(d.pop("siteKey"))

        def _parse_location_key(data: object) -> None | str:
            if data is None:
                return data
            return cast(None | str, data)

        location_key = _parse_location_key(d.pop("locationKey"))

        def _parse_storeroom_key(data: object) -> None | str:
            if data is None:
                return data
            return cast(None | str, data)

        storeroom_key = _parse_storeroom_key(d.pop("storeroomKey"))

        def _parse_position(data: object) -> None | str:
            if data is None:
                return data
            return cast(None | str, data)

        position = _parse_position(d.pop("position"))

        def _parse_quantity(data: object) -> None | str:
            if data is None:
                return data
            return cast(None | str, data)

        quantity = _parse_quantity(d.pop("quantity"))

        def _parse_reserved_quantity(data: object) -> None | str:
            if data is None:
                return data
            return cast(None | str, data)

        reserved_quantity = _parse_reserved_quantity(d.pop("reservedQuantity"))

        def _parse_uom_key(data: object) -> None | str:
            if data is None:
                return data
            return cast(None | str, data)

        uom_key = _parse_uom_key(d.pop("uomKey"))

        def _parse_unit_cost(data: object) -> None | str:
            if data is None:
                return data
            return cast(None | str, data)

        unit_cost = _parse_unit_cost(d.pop("unitCost"))

        def _parse_currency_key(data: object) -> None | str:
            if data is None:
                return data
            return cast(None | str, data)

        currency_key = _parse_currency_key(d.pop("currencyKey"))

        def _parse_min_level(data: object) -> None | str:
            if data is None:
                return data
            return cast(None | str, data)

        min_level = _parse_min_level(d.pop("minLevel"))

        def _parse_max_level(data: object) -> None | str:
            if data is None:
                return data
            return cast(None | str, data)

        max_level = _parse_max_level(d.pop("maxLevel"))

        def _parse_reorder_point(data: object) -> None | str:
            if data is None:
                return data
            return cast(None | str, data)

        reorder_point = _parse_reorder_point(d.pop("reorderPoint"))

        def _parse_reorder_quantity(data: object) -> None | str:
            if data is None:
                return data
            return cast(None | str, data)

        reorder_quantity = _parse_reorder_quantity(d.pop("reorderQuantity"))

        inventory_item_stocks_item = cls(
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

        return inventory_item_stocks_item

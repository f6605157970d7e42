from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar, cast

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..types import UNSET, Unset

if TYPE_CHECKING:
    from ..models.inventory_item_record_stocks_item import InventoryItemRecordStocksItem
    from ..models.inventory_item_record_supply_options_item import InventoryItemRecordSupplyOptionsItem


T = TypeVar("T", bound="InventoryItemRecord")


@_attrs_define
class InventoryItemRecord:
    """
    Attributes:
        code (str | Unset):
        part_number (None | str | Unset):
        name (None | str | Unset):
        description (None | str | Unset):
        type_ (None | str | Unset):
        is_active (bool | None | Unset):
        is_assembly (bool | None | Unset):
        uom_key (None | str | Unset):
        manufacturer_name (None | str | Unset):
        category_name (None | str | Unset):
        criticality (None | str | Unset):
        organization_key (None | str | Unset):
        notes (None | str | Unset):
        supply_options (list[InventoryItemRecordSupplyOptionsItem] | Unset):
        stocks (list[InventoryItemRecordStocksItem] | Unset):
        read_at (datetime.datetime | None | Unset):
    """

    code: str | Unset = UNSET
    part_number: None | str | Unset = UNSET
    name: None | str | Unset = UNSET
    description: None | str | Unset = UNSET
    type_: None | str | Unset = UNSET
    is_active: bool | None | Unset = UNSET
    is_assembly: bool | None | Unset = UNSET
    uom_key: None | str | Unset = UNSET
    manufacturer_name: None | str | Unset = UNSET
    category_name: None | str | Unset = UNSET
    criticality: None | str | Unset = UNSET
    organization_key: None | str | Unset = UNSET
    notes: None | str | Unset = UNSET
    supply_options: list[InventoryItemRecordSupplyOptionsItem] | Unset = UNSET
    stocks: list[InventoryItemRecordStocksItem] | Unset = UNSET
    read_at: datetime.datetime | None | Unset = UNSET
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        code = self.code

        part_number: None | str | Unset
        if isinstance(self.part_number, Unset):
            part_number = UNSET
        else:
            part_number = self.part_number

        name: None | str | Unset
        if isinstance(self.name, Unset):
            name = UNSET
        else:
            name = self.name

        description: None | str | Unset
        if isinstance(self.description, Unset):
            description = UNSET
        else:
            description = self.description

        type_: None | str | Unset
        if isinstance(self.type_, Unset):
            type_ = UNSET
        else:
            type_ = self.type_

        is_active: bool | None | Unset
        if isinstance(self.is_active, Unset):
            is_active = UNSET
        else:
            is_active = self.is_active

        is_assembly: bool | None | Unset
        if isinstance(self.is_assembly, Unset):
            is_assembly = UNSET
        else:
            is_assembly = self.is_assembly

        uom_key: None | str | Unset
        if isinstance(self.uom_key, Unset):
            uom_key = UNSET
        else:
            uom_key = self.uom_key

        manufacturer_name: None | str | Unset
        if isinstance(self.manufacturer_name, Unset):
            manufacturer_name = UNSET
        else:
            manufacturer_name = self.manufacturer_name

        category_name: None | str | Unset
        if isinstance(self.category_name, Unset):
            category_name = UNSET
        else:
            category_name = self.category_name

        criticality: None | str | Unset
        if isinstance(self.criticality, Unset):
            criticality = UNSET
        else:
            criticality = self.criticality

        organization_key: None | str | Unset
        if isinstance(self.organization_key, Unset):
            organization_key = UNSET
        else:
            organization_key = self.organization_key

        notes: None | str | Unset
        if isinstance(self.notes, Unset):
            notes = UNSET
        else:
            notes = self.notes

        supply_options: list[dict[str, Any]] | Unset = UNSET
        if not isinstance(self.supply_options, Unset):
            supply_options = []
            for supply_options_item_data in self.supply_options:
                supply_options_item = supply_options_item_data.to_dict()
                supply_options.append(supply_options_item)

        stocks: list[dict[str, Any]] | Unset = UNSET
        if not isinstance(self.stocks, Unset):
            stocks = []
            for stocks_item_data in self.stocks:
                stocks_item = stocks_item_data.to_dict()
                stocks.append(stocks_item)

        read_at: None | str | Unset
        if isinstance(self.read_at, Unset):
            read_at = UNSET
        elif isinstance(self.read_at, datetime.datetime):
            read_at = self.read_at.isoformat()
        else:
            read_at = self.read_at

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update({})
        if code is not UNSET:
            field_dict["code"] = code
        if part_number is not UNSET:
            field_dict["partNumber"] = part_number
        if name is not UNSET:
            field_dict["name"] = name
        if description is not UNSET:
            field_dict["description"] = description
        if type_ is not UNSET:
            field_dict["type"] = type_
        if is_active is not UNSET:
            field_dict["isActive"] = is_active
        if is_assembly is not UNSET:
            field_dict["isAssembly"] = is_assembly
        if uom_key is not UNSET:
            field_dict["uomKey"] = uom_key
        if manufacturer_name is not UNSET:
            field_dict["manufacturerName"] = manufacturer_name
        if category_name is not UNSET:
            field_dict["categoryName"] = category_name
        if criticality is not UNSET:
            field_dict["criticality"] = criticality
        if organization_key is not UNSET:
            field_dict["organizationKey"] = organization_key
        if notes is not UNSET:
            field_dict["notes"] = notes
        if supply_options is not UNSET:
            field_dict["supplyOptions"] = supply_options
        if stocks is not UNSET:
            field_dict["stocks"] = stocks
        if read_at is not UNSET:
            field_dict["readAt"] = read_at

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from ..models.inventory_item_record_stocks_item import InventoryItemRecordStocksItem  # noqa: PLC0415
        from ..models.inventory_item_record_supply_options_item import InventoryItemRecordSupplyOptionsItem  # noqa: PLC0415

        d = dict(src_dict)
        code = d.pop("code", UNSET)

        def _parse_part_number(data: object) -> None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(None | str | Unset, data)

        part_number = _parse_part_number(d.pop("partNumber", UNSET))

        def _parse_name(data: object) -> None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(None | str | Unset, data)

        name = _parse_name(d.pop("name", UNSET))

        def _parse_description(data: object) -> None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(None | str | Unset, data)

        description = _parse_description(d.pop("description", UNSET))

        def _parse_type_(data: object) -> None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(None | str | Unset, data)

        type_ = _parse_type_(d.pop("type", UNSET))

        def _parse_is_active(data: object) -> bool | None | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(bool | None | Unset, data)

        is_active = _parse_is_active(d.pop("isActive", UNSET))

        def _parse_is_assembly(data: object) -> bool | None | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(bool | None | Unset, data)

        is_assembly = _parse_is_assembly(d.pop("isAssembly", UNSET))

        def _parse_uom_key(data: object) -> None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(None | str | Unset, data)

        uom_key = _parse_uom_key(d.pop("uomKey", UNSET))

        def _parse_manufacturer_name(data: object) -> None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(None | str | Unset, data)

        manufacturer_name = _parse_manufacturer_name(d.pop("manufacturerName", UNSET))

        def _parse_category_name(data: object) -> None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(None | str | Unset, data)

        category_name = _parse_category_name(d.pop("categoryName", UNSET))

        def _parse_criticality(data: object) -> None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(None | str | Unset, data)

        criticality = _parse_criticality(d.pop("criticality", UNSET))

        def _parse_organization_key(data: object) -> None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(None | str | Unset, data)

        organization_key = _parse_organization_key(d.pop("organizationKey", UNSET))

        def _parse_notes(data: object) -> None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(None | str | Unset, data)

        notes = _parse_notes(d.pop("notes", UNSET))

        _supply_options = d.pop("supplyOptions", UNSET)
        supply_options: list[InventoryItemRecordSupplyOptionsItem] | Unset = UNSET
        if _supply_options is not UNSET:
            supply_options = []
            for supply_options_item_data in _supply_options:
                supply_options_item = InventoryItemRecordSupplyOptionsItem.from_dict(supply_options_item_data)

                supply_options.append(supply_options_item)

        _stocks = d.pop("stocks", UNSET)
        stocks: list[InventoryItemRecordStocksItem] | Unset = UNSET
        if _stocks is not UNSET:
            stocks = []
            for stocks_item_data in _stocks:
                stocks_item = InventoryItemRecordStocksItem.from_dict(stocks_item_data)

                stocks.append(stocks_item)

        def _parse_read_at(data: object) -> datetime.datetime | None | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            try:
                if not isinstance(data, str):
                    raise TypeError()
                read_at_type_0 = datetime.datetime.fromisoformat(data)

                return read_at_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(datetime.datetime | None | Unset, data)

        read_at = _parse_read_at(d.pop("readAt", UNSET))

        inventory_item_record = cls(
            code=code,
            part_number=part_number,
            name=name,
            description=description,
            type_=type_,
            is_active=is_active,
            is_assembly=is_assembly,
            uom_key=uom_key,
            manufacturer_name=manufacturer_name,
            category_name=category_name,
            criticality=criticality,
            organization_key=organization_key,
            notes=notes,
            supply_options=supply_options,
            stocks=stocks,
            read_at=read_at,
        )

        inventory_item_record.additional_properties = d
        return inventory_item_record

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

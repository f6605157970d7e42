from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar, cast

from attrs import define as _attrs_define

from ..types import UNSET, Unset

if TYPE_CHECKING:
    from ..models.inventory_item_custom_fields import InventoryItemCustomFields
    from ..models.inventory_item_raw_type_0 import InventoryItemRawType0
    from ..models.inventory_item_stocks_item import InventoryItemStocksItem
    from ..models.inventory_item_supply_options_item import InventoryItemSupplyOptionsItem


T = TypeVar("T", bound="InventoryItem")


@_attrs_define
class InventoryItem:
    """
    Attributes:
        key (str):
        code (None | str):
        part_number (None | str):
        name (None | str):
        description (None | str):
        type_ (None | str):
        is_active (bool | None):
        is_assembly (bool | None):
        uom_key (None | str):
        manufacturer_name (None | str):
        category_name (None | str):
        criticality (None | str):
        organization_key (None | str):
        notes (None | str):
        supply_options (list[InventoryItemSupplyOptionsItem]):
        stocks (list[InventoryItemStocksItem]):
        custom_fields (InventoryItemCustomFields):
        source_key (None | str):
        content_hash (None | str):
        created_at (datetime.datetime | None):
        updated_at (datetime.datetime | None):
        deleted_at (datetime.datetime | None):
        connection (str): The connection's id.
        system (None | str):
        sync_run (None | str):
        read_at (datetime.datetime | None):
        raw (InventoryItemRawType0 | None | Unset): The source record, on request.
        received_at (datetime.datetime | None | Unset): When the relay stored it.
        deleted (bool | Unset): Whether the record is gone at the source.
    """

    key: str
    code: None | str
    part_number: None | str
    name: None | str
    description: None | str
    type_: None | str
    is_active: bool | None
    is_assembly: bool | None
    uom_key: None | str
    manufacturer_name: None | str
    category_name: None | str
    criticality: None | str
    organization_key: None | str
    notes: None | str
    supply_options: list[InventoryItemSupplyOptionsItem]
    stocks: list[InventoryItemStocksItem]
    custom_fields: InventoryItemCustomFields
    source_key: None | str
    content_hash: None | str
    created_at: datetime.datetime | None
    updated_at: datetime.datetime | None
    deleted_at: datetime.datetime | None
    connection: str
    system: None | str
    sync_run: None | str
    read_at: datetime.datetime | None
    raw: InventoryItemRawType0 | None | Unset = UNSET
    received_at: datetime.datetime | None | Unset = UNSET
    deleted: bool | Unset = UNSET

    def to_dict(self) -> dict[str, Any]:
        from ..models.inventory_item_raw_type_0 import InventoryItemRawType0  # noqa: PLC0415

        key = self.key

        code: None | str
        code = self.code

        part_number: None | str
        part_number = self.part_number

        name: None | str
        name = self.name

        description: None | str
        description = self.description

        type_: None | str
        type_ = self.type_

        is_active: bool | None
        is_active = self.is_active

        is_assembly: bool | None
        is_assembly = self.is_assembly

        uom_key: None | str
        uom_key = self.uom_key

        manufacturer_name: None | str
        manufacturer_name = self.manufacturer_name

        category_name: None | str
        category_name = self.category_name

        criticality: None | str
        criticality = self.criticality

        organization_key: None | str
        organization_key = self.organization_key

        notes: None | str
        notes = self.notes

        supply_options = []
        for supply_options_item_data in self.supply_options:
            supply_options_item = supply_options_item_data.to_dict()
            supply_options.append(supply_options_item)

        stocks = []
        for stocks_item_data in self.stocks:
            stocks_item = stocks_item_data.to_dict()
            stocks.append(stocks_item)

        custom_fields = self.custom_fields.to_dict()

        source_key: None | str
        source_key = self.source_key

        content_hash: None | str
        content_hash = self.content_hash

        created_at: None | str
        if isinstance(self.created_at, datetime.datetime):
            created_at = self.created_at.isoformat()
        else:
            created_at = self.created_at

        updated_at: None | str
        if isinstance(self.updated_at, datetime.datetime):
            updated_at = self.updated_at.isoformat()
        else:
            updated_at = self.updated_at

        deleted_at: None | str
        if isinstance(self.deleted_at, datetime.datetime):
            deleted_at = self.deleted_at.isoformat()
        else:
            deleted_at = self.deleted_at

        connection = self.connection

        system: None | str
        system = self.system

        sync_run: None | str
        sync_run = self.sync_run

        read_at: None | str
        if isinstance(self.read_at, datetime.datetime):
            read_at = self.read_at.isoformat()
        else:
            read_at = self.read_at

        raw: dict[str, Any] | None | Unset
        if isinstance(self.raw, Unset):
            raw = UNSET
        elif isinstance(self.raw, InventoryItemRawType0):
            raw = self.raw.to_dict()
        else:
            raw = self.raw

        received_at: None | str | Unset
        if isinstance(self.received_at, Unset):
            received_at = UNSET
        elif isinstance(self.received_at, datetime.datetime):
            received_at = self.received_at.isoformat()
        else:
            received_at = self.received_at

        deleted = self.deleted

        field_dict: dict[str, Any] = {}

        field_dict.update(
            {
                "key": key,
                "code": code,
                "partNumber": part_number,
                "name": name,
                "description": description,
                "type": type_,
                "isActive": is_active,
                "isAssembly": is_assembly,
                "uomKey": uom_key,
                "manufacturerName": manufacturer_name,
                "categoryName": category_name,
                "criticality": criticality,
                "organizationKey": organization_key,
                "notes": notes,
                "supplyOptions": supply_options,
                "stocks": stocks,
                "customFields": custom_fields,
                "sourceKey": source_key,
                "contentHash": content_hash,
                "createdAt": created_at,
                "updatedAt": updated_at,
                "deletedAt": deleted_at,
                "connection": connection,
                "system": system,
                "syncRun": sync_run,
                "readAt": read_at,
            }
        )
        if raw is not UNSET:
            field_dict["raw"] = raw
        if received_at is not UNSET:
            field_dict["receivedAt"] = received_at
        if deleted is not UNSET:
            field_dict["deleted"] = deleted

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from ..models.inventory_item_custom_fields import InventoryItemCustomFields  # noqa: PLC0415
        from ..models.inventory_item_raw_type_0 import InventoryItemRawType0  # noqa: PLC0415
        from ..models.inventory_item_stocks_item import InventoryItemStocksItem  # noqa: PLC0415
        from ..models.inventory_item_supply_options_item import InventoryItemSupplyOptionsItem  # noqa: PLC0415

        d = dict(src_dict)
        key = d.pop("key")

        def _parse_code(data: object) -> None | str:
            if data is None:
                return data
            return cast(None | str, data)

        code = _parse_code(d.pop("code"))

        def _parse_part_number(data: object) -> None | str:
            if data is None:
                return data
            return cast(None | str, data)

        part_number = _parse_part_number(d.pop("partNumber"))

        def _parse_name(data: object) -> None | str:
            if data is None:
                return data
            return cast(None | str, data)

        name = _parse_name(d.pop("name"))

        def _parse_description(data: object) -> None | str:
            if data is None:
                return data
            return cast(None | str, data)

        description = _parse_description(d.pop("description"))

        def _parse_type_(data: object) -> None | str:
            if data is None:
                return data
            return cast(None | str, data)

        type_ = _parse_type_(d.pop("type"))

        def _parse_is_active(data: object) -> bool | None:
            if data is None:
                return data
            return cast(bool | None, data)

        is_active = _parse_is_active(d.pop("isActive"))

        def _parse_is_assembly(data: object) -> bool | None:
            if data is None:
                return data
            return cast(bool | None, data)

        is_assembly = _parse_is_assembly(d.pop("isAssembly"))

        def _parse_uom_key(data: object) -> None | str:
            if data is None:
                return data
            return cast(None | str, data)

        uom_key = _parse_uom_key(d.pop("uomKey"))

        def _parse_manufacturer_name(data: object) -> None | str:
            if data is None:
                return data
            return cast(None | str, data)

        manufacturer_name = _parse_manufacturer_name(d.pop("manufacturerName"))

        def _parse_category_name(data: object) -> None | str:
            if data is None:
                return data
            return cast(None | str, data)

        category_name = _parse_category_name(d.pop("categoryName"))

        def _parse_criticality(data: object) -> None | str:
            if data is None:
                return data
            return cast(None | str, data)

        criticality = _parse_criticality(d.pop("criticality"))

        def _parse_organization_key(data: object) -> None | str:
            if data is None:
                return data
            return cast(None | str, data)

        organization_key = _parse_organization_key(d.pop("organizationKey"))

        def _parse_notes(data: object) -> None | str:
            if data is None:
                return data
            return cast(None | str, data)

        notes = _parse_notes(d.pop("notes"))

        supply_options = []
        _supply_options = d.pop("supplyOptions")
        for supply_options_item_data in _supply_options:
            supply_options_item = InventoryItemSupplyOptionsItem.from_dict(supply_options_item_data)

            supply_options.append(supply_options_item)

        stocks = []
        _stocks = d.pop("stocks")
        for stocks_item_data in _stocks:
            stocks_item = InventoryItemStocksItem.from_dict(stocks_item_data)

            stocks.append(stocks_item)

        custom_fields = InventoryItemCustomFields.from_dict(d.pop("customFields"))

        def _parse_source_key(data: object) -> None | str:
            if data is None:
                return data
            return cast(None | str, data)

        source_key = _parse_source_key(d.pop("sourceKey"))

        def _parse_content_hash(data: object) -> None | str:
            if data is None:
                return data
            return cast(None | str, data)

        content_hash = _parse_content_hash(d.pop("contentHash"))

        def _parse_created_at(data: object) -> datetime.datetime | None:
            if data is None:
                return data
            try:
                if not isinstance(data, str):
                    raise TypeError()
                created_at_type_0 = datetime.datetime.fromisoformat(data)

                return created_at_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(datetime.datetime | None, data)

        created_at = _parse_created_at(d.pop("createdAt"))

        def _parse_updated_at(data: object) -> datetime.datetime | None:
            if data is None:
                return data
            try:
                if not isinstance(data, str):
                    raise TypeError()
                updated_at_type_0 = datetime.datetime.fromisoformat(data)

                return updated_at_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(datetime.datetime | None, data)

        updated_at = _parse_updated_at(d.pop("updatedAt"))

        def _parse_deleted_at(data: object) -> datetime.datetime | None:
            if data is None:
                return data
            try:
                if not isinstance(data, str):
                    raise TypeError()
                deleted_at_type_0 = datetime.datetime.fromisoformat(data)

                return deleted_at_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(datetime.datetime | None, data)

        deleted_at = _parse_deleted_at(d.pop("deletedAt"))

        connection = d.pop("connection")

        def _parse_system(data: object) -> None | str:
            if data is None:
                return data
            return cast(None | str, data)

        system = _parse_system(d.pop("system"))

        def _parse_sync_run(data: object) -> None | str:
            if data is None:
                return data
            return cast(None | str, data)

        sync_run = _parse_sync_run(d.pop("syncRun"))

        def _parse_read_at(data: object) -> datetime.datetime | None:
            if data is None:
                return data
            try:
                if not isinstance(data, str):
                    raise TypeError()
                read_at_type_0 = datetime.datetime.fromisoformat(data)

                return read_at_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(datetime.datetime | None, data)

        read_at = _parse_read_at(d.pop("readAt"))

        def _parse_raw(data: object) -> InventoryItemRawType0 | None | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            try:
                if not isinstance(data, dict):
                    raise TypeError()
                raw_type_0 = InventoryItemRawType0.from_dict(data)

                return raw_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(InventoryItemRawType0 | None | Unset, data)

        raw = _parse_raw(d.pop("raw", UNSET))

        def _parse_received_at(data: object) -> datetime.datetime | None | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            try:
                if not isinstance(data, str):
                    raise TypeError()
                received_at_type_0 = datetime.datetime.fromisoformat(data)

                return received_at_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(datetime.datetime | None | Unset, data)

        received_at = _parse_received_at(d.pop("receivedAt", UNSET))

        deleted = d.pop("deleted", UNSET)

        inventory_item = cls(
            key=key,
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
            custom_fields=custom_fields,
            source_key=source_key,
            content_hash=content_hash,
            created_at=created_at,
            updated_at=updated_at,
            deleted_at=deleted_at,
            connection=connection,
            system=system,
            sync_run=sync_run,
            read_at=read_at,
            raw=raw,
            received_at=received_at,
            deleted=deleted,
        )

        return inventory_item

from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar, cast

from attrs import define as _attrs_define

from ..types import UNSET, Unset

if TYPE_CHECKING:
    from ..models.asset_custom_fields import AssetCustomFields
    from ..models.asset_raw_type_0 import AssetRawType0


T = TypeVar("T", bound="Asset")


@_attrs_define
class Asset:
    """
    Attributes:
        key (str):
        code (None | str):
        parent_key (None | str):
        name (None | str):
        description (None | str):
        type_ (None | str):
        is_physical (bool | None):
        is_active (bool | None):
        status (None | str):
        status_key (None | str):
        serial_number (None | str):
        make_name (None | str):
        model_name (None | str):
        category_name (None | str):
        criticality (None | str):
        site_key (None | str):
        location_key (None | str):
        organization_key (None | str):
        vendor_key (None | str):
        team_key (None | str):
        customer_key (None | str):
        account_key (None | str):
        activated_at (datetime.datetime | None):
        deactivated_at (datetime.datetime | None):
        purchased_at (datetime.datetime | None):
        purchase_cost (None | str):
        currency_key (None | str):
        notes (None | str):
        custom_fields (AssetCustomFields):
        source_key (None | str):
        content_hash (None | str):
        created_at (datetime.datetime | None):
        updated_at (datetime.datetime | None):
        deleted_at (datetime.datetime | None):
        connection (str): The connection's id.
        system (None | str):
        sync_run (None | str):
        read_at (datetime.datetime | None):
        raw (AssetRawType0 | None | Unset): The source record, on request.
        received_at (datetime.datetime | None | Unset): When the relay stored it.
        deleted (bool | Unset): Whether the record is gone at the source.
    """

    key: str
    code: None | str
    parent_key: None | str
    name: None | str
    description: None | str
    type_: None | str
    is_physical: bool | None
    is_active: bool | None
    status: None | str
    status_key: None | str
    serial_number: None | str
    make_name: None | str
    model_name: None | str
    category_name: None | str
    criticality: None | str
    site_key: None | str
    location_key: None | str
    organization_key: None | str
    vendor_key: None | str
    team_key: None | str
    customer_key: None | str
    account_key: None | str
    activated_at: datetime.datetime | None
    deactivated_at: datetime.datetime | None
    purchased_at: datetime.datetime | None
    purchase_cost: None | str
    currency_key: None | str
    notes: None | str
    custom_fields: AssetCustomFields
    source_key: None | str
    content_hash: None | str
    created_at: datetime.datetime | None
    updated_at: datetime.datetime | None
    deleted_at: datetime.datetime | None
    connection: str
    system: None | str
    sync_run: None | str
    read_at: datetime.datetime | None
    raw: AssetRawType0 | None | Unset = UNSET
    received_at: datetime.datetime | None | Unset = UNSET
    deleted: bool | Unset = UNSET

    def to_dict(self) -> dict[str, Any]:
        from ..models.asset_raw_type_0 import AssetRawType0  # noqa: PLC0415

        key = self.key

        code: None | str
        code = self.code

        parent_key: None | str
        parent_key = self.parent_key

        name: None | str
        name = self.name

        description: None | str
        description = self.description

        type_: None | str
        type_ = self.type_

        is_physical: bool | None
        is_physical = self.is_physical

        is_active: bool | None
        is_active = self.is_active

        status: None | str
        status = self.status

        status_key: None | str
        status_key = self.status_key

        serial_number: None | str
        serial_number = self.serial_number

        make_name: None | str
        make_name = self.make_name

        model_name: None | str
        model_name = self.model_name

        category_name: None | str
        category_name = self.category_name

        criticality: None | str
        criticality = self.criticality

        site_key: None | str
        site_key = self.site_key

        location_key: None | str
        location_key = self.location_key

        organization_key: None | str
        organization_key = self.organization_key

        vendor_key: None | str
        vendor_key = self.vendor_key

        team_key: None | str
        team_key = self.team_key

        customer_key: None | str
        customer_key = self.customer_key

        account_key: None | str
        account_key = self.account_key

        activated_at: None | str
        if isinstance(self.activated_at, datetime.datetime):
            activated_at = self.activated_at.isoformat()
        else:
            activated_at = self.activated_at

        deactivated_at: None | str
        if isinstance(self.deactivated_at, datetime.datetime):
            deactivated_at = self.deactivated_at.isoformat()
        else:
            deactivated_at = self.deactivated_at

        purchased_at: None | str
        if isinstance(self.purchased_at, datetime.datetime):
            purchased_at = self.purchased_at.isoformat()
        else:
            purchased_at = self.purchased_at

        purchase_cost: None | str
        purchase_cost = self.purchase_cost

        currency_key: None | str
        currency_key = self.currency_key

        notes: None | str
        notes = self.notes

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
        elif isinstance(self.raw, AssetRawType0):
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
                "parentKey": parent_key,
                "name": name,
                "description": description,
                "type": type_,
                "isPhysical": is_physical,
                "isActive": is_active,
                "status": status,
                "statusKey": status_key,
                "serialNumber": serial_number,
                "makeName": make_name,
                "modelName": model_name,
                "categoryName": category_name,
                "criticality": criticality,
                "siteKey": site_key,
                "locationKey": location_key,
                "organizationKey": organization_key,
                "vendorKey": vendor_key,
                "teamKey": team_key,
                "customerKey": customer_key,
                "accountKey": account_key,
                "activatedAt": activated_at,
                "deactivatedAt": deactivated_at,
                "purchasedAt": purchased_at,
                "purchaseCost": purchase_cost,
                "currencyKey": currency_key,
                "notes": notes,
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
        from ..models.asset_custom_fields import AssetCustomFields  # noqa: PLC0415
        from ..models.asset_raw_type_0 import AssetRawType0  # noqa: PLC0415

        d = dict(src_dict)
        key = d.pop("key")

        def _parse_code(data: object) -> None | str:
            if data is None:
                return data
            return cast(None | str, data)

        code = _parse_code(d.pop("code"))

        def _parse_parent_key(data: object) -> None | str:
            if data is None:
                return data
            return cast(None | str, data)

        parent_key = _parse_parent_key(d.pop("parentKey"))

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

        def _parse_is_physical(data: object) -> bool | None:
            if data is None:
                return data
            return cast(bool | None, data)

        is_physical = _parse_is_physical(d.pop("isPhysical"))

        def _parse_is_active(data: object) -> bool | None:
            if data is None:
                return data
            return cast(bool | None, data)

        is_active = _parse_is_active(d.pop("isActive"))

        def _parse_status(data: object) -> None | str:
            if data is None:
                return data
            return cast(None | str, data)

        status = _parse_status(d.pop("status"))

        def _parse_status_key(data: object) -> None | str:
            if data is None:
                return data
            return cast(None | str, data)

        status_key = _parse_status_key(d.pop("statusKey"))

        def _parse_serial_number(data: object) -> None | str:
            if data is None:
                return data
            return cast(None | str, data)

        serial_number = _parse_serial_number(d.pop("serialNumber"))

        def _parse_make_name(data: object) -> None | str:
            if data is None:
                return data
            return cast(None | str, data)

        make_name = _parse_make_name(d.pop("makeName"))

        def _parse_model_name(data: object) -> None | str:
            if data is None:
                return data
            return cast(None | str, data)

        model_name = _parse_model_name(d.pop("modelName"))

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

        def _parse_organization_key(data: object) -> None | str:
            if data is None:
                return data
            return cast(None | str, data)

        organization_key = _parse_organization_key(d.pop("organizationKey"))

        def _parse_vendor_key(data: object) -> None | str:
            if data is None:
                return data
            return cast(None | str, data)

        vendor_key = _parse_vendor_key(d.pop("vendorKey"))

        def _parse_team_key(data: object) -> None | str:
            if data is None:
                return data
            return cast(None | str, data)

        team_key = _parse_team_key(d.pop("teamKey"))

        def _parse_customer_key(data: object) -> None | str:
            if data is None:
                return data
            return cast(None | str, data)

        customer_key = _parse_customer_key(d.pop("customerKey"))

        def _parse_account_key(data: object) -> None | str:
            if data is None:
                return data
            return cast(None | str, data)

        account_key = _parse_account_key(d.pop("accountKey"))

        def _parse_activated_at(data: object) -> datetime.datetime | None:
            if data is None:
                return data
            try:
                if not isinstance(data, str):
                    raise TypeError()
                activated_at_type_0 = datetime.datetime.fromisoformat(data)

                return activated_at_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(datetime.datetime | None, data)

        activated_at = _parse_activated_at(d.pop("activatedAt"))

        def _parse_deactivated_at(data: object) -> datetime.datetime | None:
            if data is None:
                return data
            try:
                if not isinstance(data, str):
                    raise TypeError()
                deactivated_at_type_0 = datetime.datetime.fromisoformat(data)

                return deactivated_at_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(datetime.datetime | None, data)

        deactivated_at = _parse_deactivated_at(d.pop("deactivatedAt"))

        def _parse_purchased_at(data: object) -> datetime.datetime | None:
            if data is None:
                return data
            try:
                if not isinstance(data, str):
                    raise TypeError()
                purchased_at_type_0 = datetime.datetime.fromisoformat(data)

                return purchased_at_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(datetime.datetime | None, data)

        purchased_at = _parse_purchased_at(d.pop("purchasedAt"))

        def _parse_purchase_cost(data: object) -> None | str:
            if data is None:
                return data
            return cast(None | str, data)

        purchase_cost = _parse_purchase_cost(d.pop("purchaseCost"))

        def _parse_currency_key(data: object) -> None | str:
            if data is None:
                return data
            return cast(None | str, data)

        currency_key = _parse_currency_key(d.pop("currencyKey"))

        def _parse_notes(data: object) -> None | str:
            if data is None:
                return data
            return cast(None | str, data)

        notes = _parse_notes(d.pop("notes"))

        custom_fields = AssetCustomFields.from_dict(d.pop("customFields"))

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

        def _parse_raw(data: object) -> AssetRawType0 | None | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            try:
                if not isinstance(data, dict):
                    raise TypeError()
                raw_type_0 = AssetRawType0.from_dict(data)

                return raw_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(AssetRawType0 | None | Unset, data)

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

        asset = cls(
            key=key,
            code=code,
            parent_key=parent_key,
            name=name,
            description=description,
            type_=type_,
            is_physical=is_physical,
            is_active=is_active,
            status=status,
            status_key=status_key,
            serial_number=serial_number,
            make_name=make_name,
            model_name=model_name,
            category_name=category_name,
            criticality=criticality,
            site_key=site_key,
            location_key=location_key,
            organization_key=organization_key,
            vendor_key=vendor_key,
            team_key=team_key,
            customer_key=customer_key,
            account_key=account_key,
            activated_at=activated_at,
            deactivated_at=deactivated_at,
            purchased_at=purchased_at,
            purchase_cost=purchase_cost,
            currency_key=currency_key,
            notes=notes,
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

        return asset

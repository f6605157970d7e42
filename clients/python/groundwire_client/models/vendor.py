from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar, cast

from attrs import define as _attrs_define

from ..types import UNSET, Unset

if TYPE_CHECKING:
    from ..models.vendor_addresses_item import VendorAddressesItem
    from ..models.vendor_custom_fields import VendorCustomFields
    from ..models.vendor_raw_type_0 import VendorRawType0


T = TypeVar("T", bound="Vendor")


@_attrs_define
class Vendor:
    """
    Attributes:
        key (str):
        code (None | str):
        name (None | str):
        legal_name (None | str):
        tax_number (None | str):
        is_active (bool | None):
        is_blocked (bool | None):
        company_key (None | str):
        organization_key (None | str):
        currency_key (None | str):
        terms (None | str):
        email_address (None | str):
        phone (None | str):
        website (None | str):
        addresses (list[VendorAddressesItem]):
        notes (None | str):
        custom_fields (VendorCustomFields):
        source_key (None | str):
        content_hash (None | str):
        created_at (datetime.datetime | None):
        updated_at (datetime.datetime | None):
        deleted_at (datetime.datetime | None):
        connection (str): The connection's id.
        system (None | str):
        sync_run (None | str):
        read_at (datetime.datetime | None):
        raw (None | Unset | VendorRawType0): The source record, on request.
        received_at (datetime.datetime | None | Unset): When the relay stored it.
        deleted (bool | Unset): Whether the record is gone at the source.
    """

    key: str
    code: None | str
    name: None | str
    legal_name: None | str
    tax_number: None | str
    is_active: bool | None
    is_blocked: bool | None
    company_key: None | str
    organization_key: None | str
    currency_key: None | str
    terms: None | str
    email_address: None | str
    phone: None | str
    website: None | str
    addresses: list[VendorAddressesItem]
    notes: None | str
    custom_fields: VendorCustomFields
    source_key: None | str
    content_hash: None | str
    created_at: datetime.datetime | None
    updated_at: datetime.datetime | None
    deleted_at: datetime.datetime | None
    connection: str
    system: None | str
    sync_run: None | str
    read_at: datetime.datetime | None
    raw: None | Unset | VendorRawType0 = UNSET
    received_at: datetime.datetime | None | Unset = UNSET
    deleted: bool | Unset = UNSET

    def to_dict(self) -> dict[str, Any]:
        from ..models.vendor_raw_type_0 import VendorRawType0  # noqa: PLC0415

        key = self.key

        code: None | str
        code = self.code

        name: None | str
        name = self.name

        legal_name: None | str
        legal_name = self.legal_name

        tax_number: None | str
        tax_number = self.tax_number

        is_active: bool | None
        is_active = self.is_active

        is_blocked: bool | None
        is_blocked = self.is_blocked

        company_key: None | str
        company_key = self.company_key

        organization_key: None | str
        organization_key = self.organization_key

        currency_key: None | str
        currency_key = self.currency_key

        terms: None | str
        terms = self.terms

        email_address: None | str
        email_address = self.email_address

        phone: None | str
        phone = self.phone

        website: None | str
        website = self.website

        addresses = []
        for addresses_item_data in self.addresses:
            addresses_item = addresses_item_data.to_dict()
            addresses.append(addresses_item)

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
        elif isinstance(self.raw, VendorRawType0):
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
                "name": name,
                "legalName": legal_name,
                "taxNumber": tax_number,
                "isActive": is_active,
                "isBlocked": is_blocked,
                "companyKey": company_key,
                "organizationKey": organization_key,
                "currencyKey": currency_key,
                "terms": terms,
                "emailAddress": email_address,
                "phone": phone,
                "website": website,
                "addresses": addresses,
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
        from ..models.vendor_addresses_item import VendorAddressesItem  # noqa: PLC0415
        from ..models.vendor_custom_fields import VendorCustomFields  # noqa: PLC0415
        from ..models.vendor_raw_type_0 import VendorRawType0  # noqa: PLC0415

        d = dict(src_dict)
        key = d.pop("key")

        def _parse_code(data: object) -> None | str:
            if data is None:
                return data
            return cast(None | str, data)

        code = _parse_code(d.pop("code"))

        def _parse_name(data: object) -> None | str:
            if data is None:
                return data
            return cast(None | str, data)

        name = _parse_name(d.pop("name"))

        def _parse_legal_name(data: object) -> None | str:
            if data is None:
                return data
            return cast(None | str, data)

        legal_name = _parse_legal_name(d.pop("legalName"))

        def _parse_tax_number(data: object) -> None | str:
            if data is None:
                return data
            return cast(None | str, data)

        tax_number = _parse_tax_number(d.pop("taxNumber"))

        def _parse_is_active(data: object) -> bool | None:
            if data is None:
                return data
            return cast(bool | None, data)

        is_active = _parse_is_active(d.pop("isActive"))

        def _parse_is_blocked(data: object) -> bool | None:
            if data is None:
                return data
            return cast(bool | None, data)

        is_blocked = _parse_is_blocked(d.pop("isBlocked"))

        def _parse_company_key(data: object) -> None | str:
            if data is None:
                return data
            return cast(None | str, data)

        company_key = _parse_company_key(d.pop("companyKey"))

        def _parse_organization_key(data: object) -> None | str:
            if data is None:
                return data
            return cast(None | str, data)

        organization_key = _parse_organization_key(d.pop("organizationKey"))

        def _parse_currency_key(data: object) -> None | str:
            if data is None:
                return data
            return cast(None | str, data)

        currency_key = _parse_currency_key(d.pop("currencyKey"))

        def _parse_terms(data: object) -> None | str:
            if data is None:
                return data
            return cast(None | str, data)

        terms = _parse_terms(d.pop("terms"))

        def _parse_email_address(data: object) -> None | str:
            if data is None:
                return data
            return cast(None | str, data)

        email_address = _parse_email_address(d.pop("emailAddress"))

        def _parse_phone(data: object) -> None | str:
            if data is None:
                return data
            return cast(None | str, data)

        phone = _parse_phone(d.pop("phone"))

        def _parse_website(data: object) -> None | str:
            if data is None:
                return data
            return cast(None | str, data)

        website = _parse_website(d.pop("website"))

        addresses = []
        _addresses = d.pop("addresses")
        for addresses_item_data in _addresses:
            addresses_item = VendorAddressesItem.from_dict(addresses_item_data)

            addresses.append(addresses_item)

        def _parse_notes(data: object) -> None | str:
            if data is None:
                return data
            return cast(None | str, data)

        notes = _parse_notes(d.pop("notes"))

        custom_fields = VendorCustomFields.from_dict(d.pop("customFields"))

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

        def _parse_raw(data: object) -> None | Unset | VendorRawType0:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            try:
                if not isinstance(data, dict):
                    raise TypeError()
                raw_type_0 = VendorRawType0.from_dict(data)

                return raw_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(None | Unset | VendorRawType0, data)

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

        vendor = cls(
            key=key,
            code=code,
            name=name,
            legal_name=legal_name,
            tax_number=tax_number,
            is_active=is_active,
            is_blocked=is_blocked,
            company_key=company_key,
            organization_key=organization_key,
            currency_key=currency_key,
            terms=terms,
            email_address=email_address,
            phone=phone,
            website=website,
            addresses=addresses,
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

        return vendor

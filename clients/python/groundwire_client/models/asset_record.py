from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import Any, TypeVar, cast

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..types import UNSET, Unset

T = TypeVar("T", bound="AssetRecord")


@_attrs_define
class AssetRecord:
    """
    Attributes:
        code (str | Unset):
        parent_key (None | str | Unset):
        name (None | str | Unset):
        description (None | str | Unset):
        type_ (None | str | Unset):
        is_physical (bool | None | Unset):
        is_active (bool | None | Unset):
        status (None | str | Unset):
        status_key (None | str | Unset):
        serial_number (None | str | Unset):
        make_name (None | str | Unset):
        model_name (None | str | Unset):
        category_name (None | str | Unset):
        criticality (None | str | Unset):
        site_key (None | str | Unset):
        location_key (None | str | Unset):
        organization_key (None | str | Unset):
        vendor_key (None | str | Unset):
        team_key (None | str | Unset):
        customer_key (None | str | Unset):
        account_key (None | str | Unset):
        activated_at (datetime.datetime | None | Unset):
        deactivated_at (datetime.datetime | None | Unset):
        purchased_at (datetime.datetime | None | Unset):
        purchase_cost (None | str | Unset):
        currency_key (None | str | Unset):
        notes (None | str | Unset):
        read_at (datetime.datetime | None | Unset):
    """

    code: str | Unset = UNSET
    parent_key: None | str | Unset = UNSET
    name: None | str | Unset = UNSET
    description: None | str | Unset = UNSET
    type_: None | str | Unset = UNSET
    is_physical: bool | None | Unset = UNSET
    is_active: bool | None | Unset = UNSET
    status: None | str | Unset = UNSET
    status_key: None | str | Unset = UNSET
    serial_number: None | str | Unset = UNSET
    make_name: None | str | Unset = UNSET
    model_name: None | str | Unset = UNSET
    category_name: None | str | Unset = UNSET
    criticality: None | str | Unset = UNSET
    site_key: None | str | Unset = UNSET
    location_key: None | str | Unset = UNSET
    organization_key: None | str | Unset = UNSET
    vendor_key: None | str | Unset = UNSET
    team_key: None | str | Unset = UNSET
    customer_key: None | str | Unset = UNSET
    account_key: None | str | Unset = UNSET
    activated_at: datetime.datetime | None | Unset = UNSET
    deactivated_at: datetime.datetime | None | Unset = UNSET
    purchased_at: datetime.datetime | None | Unset = UNSET
    purchase_cost: None | str | Unset = UNSET
    currency_key: None | str | Unset = UNSET
    notes: None | str | Unset = UNSET
    read_at: datetime.datetime | None | Unset = UNSET
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        code = self.code

        parent_key: None | str | Unset
        if isinstance(self.parent_key, Unset):
            parent_key = UNSET
        else:
            parent_key = self.parent_key

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

        is_physical: bool | None | Unset
        if isinstance(self.is_physical, Unset):
            is_physical = UNSET
        else:
            is_physical = self.is_physical

        is_active: bool | None | Unset
        if isinstance(self.is_active, Unset):
            is_active = UNSET
        else:
            is_active = self.is_active

        status: None | str | Unset
        if isinstance(self.status, Unset):
            status = UNSET
        else:
            status = self.status

        status_key: None | str | Unset
        if isinstance(self.status_key, Unset):
            status_key = UNSET
        else:
            status_key = self.status_key

        serial_number: None | str | Unset
        if isinstance(self.serial_number, Unset):
            serial_number = UNSET
        else:
            serial_number = self.serial_number

        make_name: None | str | Unset
        if isinstance(self.make_name, Unset):
            make_name = UNSET
        else:
            make_name = self.make_name

        model_name: None | str | Unset
        if isinstance(self.model_name, Unset):
            model_name = UNSET
        else:
            model_name = self.model_name

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

        organization_key: None | str | Unset
        if isinstance(self.organization_key, Unset):
            organization_key = UNSET
        else:
            organization_key = self.organization_key

        vendor_key: None | str | Unset
        if isinstance(self.vendor_key, Unset):
            vendor_key = UNSET
        else:
            vendor_key = self.vendor_key

        team_key: None | str | Unset
        if isinstance(self.team_key, Unset):
            team_key = UNSET
        else:
            team_key = self.team_key

        customer_key: None | str | Unset
        if isinstance(self.customer_key, Unset):
            customer_key = UNSET
        else:
            customer_key = self.customer_key

        account_key: None | str | Unset
        if isinstance(self.account_key, Unset):
            account_key = UNSET
        else:
            account_key = self.account_key

        activated_at: None | str | Unset
        if isinstance(self.activated_at, Unset):
            activated_at = UNSET
        elif isinstance(self.activated_at, datetime.datetime):
            activated_at = self.activated_at.isoformat()
        else:
            activated_at = self.activated_at

        deactivated_at: None | str | Unset
        if isinstance(self.deactivated_at, Unset):
            deactivated_at = UNSET
        elif isinstance(self.deactivated_at, datetime.datetime):
            deactivated_at = self.deactivated_at.isoformat()
        else:
            deactivated_at = self.deactivated_at

        purchased_at: None | str | Unset
        if isinstance(self.purchased_at, Unset):
            purchased_at = UNSET
        elif isinstance(self.purchased_at, datetime.datetime):
            purchased_at = self.purchased_at.isoformat()
        else:
            purchased_at = self.purchased_at

        purchase_cost: None | str | Unset
        if isinstance(self.purchase_cost, Unset):
            purchase_cost = UNSET
        else:
            purchase_cost = self.purchase_cost

        currency_key: None | str | Unset
        if isinstance(self.currency_key, Unset):
            currency_key = UNSET
        else:
            currency_key = self.currency_key

        notes: None | str | Unset
        if isinstance(self.notes, Unset):
            notes = UNSET
        else:
            notes = self.notes

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
        if parent_key is not UNSET:
            field_dict["parentKey"] = parent_key
        if name is not UNSET:
            field_dict["name"] = name
        if description is not UNSET:
            field_dict["description"] = description
        if type_ is not UNSET:
            field_dict["type"] = type_
        if is_physical is not UNSET:
            field_dict["isPhysical"] = is_physical
        if is_active is not UNSET:
            field_dict["isActive"] = is_active
        if status is not UNSET:
            field_dict["status"] = status
        if status_key is not UNSET:
            field_dict["statusKey"] = status_key
        if serial_number is not UNSET:
            field_dict["serialNumber"] = serial_number
        if make_name is not UNSET:
            field_dict["makeName"] = make_name
        if model_name is not UNSET:
            field_dict["modelName"] = model_name
        if category_name is not UNSET:
            field_dict["categoryName"] = category_name
        if criticality is not UNSET:
            field_dict["criticality"] = criticality
        if site_key is not UNSET:
            field_dict["siteKey"] = site_key
        if location_key is not UNSET:
            field_dict["locationKey"] = location_key
        if organization_key is not UNSET:
            field_dict["organizationKey"] = organization_key
        if vendor_key is not UNSET:
            field_dict["vendorKey"] = vendor_key
        if team_key is not UNSET:
            field_dict["teamKey"] = team_key
        if customer_key is not UNSET:
            field_dict["customerKey"] = customer_key
        if account_key is not UNSET:
            field_dict["accountKey"] = account_key
        if activated_at is not UNSET:
            field_dict["activatedAt"] = activated_at
        if deactivated_at is not UNSET:
            field_dict["deactivatedAt"] = deactivated_at
        if purchased_at is not UNSET:
            field_dict["purchasedAt"] = purchased_at
        if purchase_cost is not UNSET:
            field_dict["purchaseCost"] = purchase_cost
        if currency_key is not UNSET:
            field_dict["currencyKey"] = currency_key
        if notes is not UNSET:
            field_dict["notes"] = notes
        if read_at is not UNSET:
            field_dict["readAt"] = read_at

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        code = d.pop("code", UNSET)

        def _parse_parent_key(data: object) -> None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(None | str | Unset, data)

        parent_key = _parse_parent_key(d.pop("parentKey", UNSET))

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

        def _parse_is_physical(data: object) -> bool | None | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(bool | None | Unset, data)

        is_physical = _parse_is_physical(d.pop("isPhysical", UNSET))

        def _parse_is_active(data: object) -> bool | None | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(bool | None | Unset, data)

        is_active = _parse_is_active(d.pop("isActive", UNSET))

        def _parse_status(data: object) -> None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(None | str | Unset, data)

        status = _parse_status(d.pop("status", UNSET))

        def _parse_status_key(data: object) -> None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(None | str | Unset, data)

        status_key = _parse_status_key(d.pop("statusKey", UNSET))

        def _parse_serial_number(data: object) -> None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(None | str | Unset, data)

        serial_number = _parse_serial_number(d.pop("serialNumber", UNSET))

        def _parse_make_name(data: object) -> None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(None | str | Unset, data)

        make_name = _parse_make_name(d.pop("makeName", UNSET))

        def _parse_model_name(data: object) -> None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(None | str | Unset, data)

        model_name = _parse_model_name(d.pop("modelName", UNSET))

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

        def _parse_organization_key(data: object) -> None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(None | str | Unset, data)

        organization_key = _parse_organization_key(d.pop("organizationKey", UNSET))

        def _parse_vendor_key(data: object) -> None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(None | str | Unset, data)

        vendor_key = _parse_vendor_key(d.pop("vendorKey", UNSET))

        def _parse_team_key(data: object) -> None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(None | str | Unset, data)

        team_key = _parse_team_key(d.pop("teamKey", UNSET))

        def _parse_customer_key(data: object) -> None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(None | str | Unset, data)

        customer_key = _parse_customer_key(d.pop("customerKey", UNSET))

        def _parse_account_key(data: object) -> None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(None | str | Unset, data)

        account_key = _parse_account_key(d.pop("accountKey", UNSET))

        def _parse_activated_at(data: object) -> datetime.datetime | None | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            try:
                if not isinstance(data, str):
                    raise TypeError()
                activated_at_type_0 = datetime.datetime.fromisoformat(data)

                return activated_at_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(datetime.datetime | None | Unset, data)

        activated_at = _parse_activated_at(d.pop("activatedAt", UNSET))

        def _parse_deactivated_at(data: object) -> datetime.datetime | None | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            try:
                if not isinstance(data, str):
                    raise TypeError()
                deactivated_at_type_0 = datetime.datetime.fromisoformat(data)

                return deactivated_at_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(datetime.datetime | None | Unset, data)

        deactivated_at = _parse_deactivated_at(d.pop("deactivatedAt", UNSET))

        def _parse_purchased_at(data: object) -> datetime.datetime | None | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            try:
                if not isinstance(data, str):
                    raise TypeError()
                purchased_at_type_0 = datetime.datetime.fromisoformat(data)

                return purchased_at_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(datetime.datetime | None | Unset, data)

        purchased_at = _parse_purchased_at(d.pop("purchasedAt", UNSET))

        def _parse_purchase_cost(data: object) -> None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(None | str | Unset, data)

        purchase_cost = _parse_purchase_cost(d.pop("purchaseCost", UNSET))

        def _parse_currency_key(data: object) -> None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(None | str | Unset, data)

        currency_key = _parse_currency_key(d.pop("currencyKey", UNSET))

        def _parse_notes(data: object) -> None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(None | str | Unset, data)

        notes = _parse_notes(d.pop("notes", UNSET))

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

        asset_record = cls(
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
            read_at=read_at,
        )

        asset_record.additional_properties = d
        return asset_record

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

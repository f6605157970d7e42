from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar, cast

from attrs import define as _attrs_define

from ..types import UNSET, Unset

T = TypeVar("T", bound="PurchaseOrderRecordShipmentAddressType0")


@_attrs_define
class PurchaseOrderRecordShipmentAddressType0:
    """
    Attributes:
        addressee (None | str | Unset):
        address_lines (list[None | str] | None | Unset):
        city (None | str | Unset):
        state (None | str | Unset):
        post_code (None | str | Unset):
        country (None | str | Unset):
        phone (None | str | Unset):
        email (None | str | Unset):
        notes (None | str | Unset):
    """

    addressee: None | str | Unset = UNSET
    address_lines: list[None | str] | None | Unset = UNSET
    city: None | str | Unset = UNSET
    state: None | str | Unset = UNSET
    post_code: None | str | Unset = UNSET
    country: None | str | Unset = UNSET
    phone: None | str | Unset = UNSET
    email: None | str | Unset = UNSET
    notes: None | str | Unset = UNSET

    def to_dict(self) -> dict[str, Any]:
        addressee: None | str | Unset
        if isinstance(self.addressee, Unset):
            addressee = UNSET
        else:
            addressee = self.addressee

        address_lines: list[None | str] | None | Unset
        if isinstance(self.address_lines, Unset):
            address_lines = UNSET
        elif isinstance(self.address_lines, list):
            address_lines = []
            for address_lines_type_0_item_data in self.address_lines:
                address_lines_type_0_item: None | str
                address_lines_type_0_item = address_lines_type_0_item_data
                address_lines.append(address_lines_type_0_item)

        else:
            address_lines = self.address_lines

        city: None | str | Unset
        if isinstance(self.city, Unset):
            city = UNSET
        else:
            city = self.city

        state: None | str | Unset
        if isinstance(self.state, Unset):
            state = UNSET
        else:
            state = self.state

        post_code: None | str | Unset
        if isinstance(self.post_code, Unset):
            post_code = UNSET
        else:
            post_code = self.post_code

        country: None | str | Unset
        if isinstance(self.country, Unset):
            country = UNSET
        else:
            country = self.country

        phone: None | str | Unset
        if isinstance(self.phone, Unset):
            phone = UNSET
        else:
            phone = self.phone

        email: None | str | Unset
        if isinstance(self.email, Unset):
            email = UNSET
        else:
            email = self.email

        notes: None | str | Unset
        if isinstance(self.notes, Unset):
            notes = UNSET
        else:
            notes = self.notes

        field_dict: dict[str, Any] = {}

        field_dict.update({})
        if addressee is not UNSET:
            field_dict["addressee"] = addressee
        if address_lines is not UNSET:
            field_dict["addressLines"] = address_lines
        if city is not UNSET:
            field_dict["city"] = city
        if state is not UNSET:
            field_dict["state"] = state
        if post_code is not UNSET:
            field_dict["postCode"] = post_code
        if country is not UNSET:
            field_dict["country"] = country
        if phone is not UNSET:
            field_dict["phone"] = phone
        if email is not UNSET:
            field_dict["email"] = email
        if notes is not UNSET:
            field_dict["notes"] = notes

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)

        def _parse_addressee(data: object) -> None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(None | str | Unset, data)

        addressee = _parse_addressee(d.pop("addressee", UNSET))

        def _parse_address_lines(data: object) -> list[None | str] | None | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            try:
                if not isinstance(data, list):
                    raise TypeError()
                address_lines_type_0 = []
                _address_lines_type_0 = data
                for address_lines_type_0_item_data in _address_lines_type_0:

                    def _parse_address_lines_type_0_item(data: object) -> None | str:
                        if data is None:
                            return data
                        return cast(None | str, data)

                    address_lines_type_0_item = _parse_address_lines_type_0_item(
                        address_lines_type_0_item_data
                    )

                    address_lines_type_0.append(address_lines_type_0_item)

                return address_lines_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(list[None | str] | None | Unset, data)

        address_lines = _parse_address_lines(d.pop("addressLines", UNSET))

        def _parse_city(data: object) -> None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(None | str | Unset, data)

        city = _parse_city(d.pop("city", UNSET))

        def _parse_state(data: object) -> None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(None | str | Unset, data)

        state = _parse_state(d.pop("state", UNSET))

        def _parse_post_code(data: object) -> None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(None | str | Unset, data)

        post_code = _parse_post_code(d.pop("postCode", UNSET))

        def _parse_country(data: object) -> None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(None | str | Unset, data)

        country = _parse_country(d.pop("country", UNSET))

        def _parse_phone(data: object) -> None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(None | str | Unset, data)

        phone = _parse_phone(d.pop("phone", UNSET))

        def _parse_email(data: object) -> None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(None | str | Unset, data)

        email = _parse_email(d.pop("email", UNSET))

        def _parse_notes(data: object) -> None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(None | str | Unset, data)

        notes = _parse_notes(d.pop("notes", UNSET))

        purchase_order_record_shipment_address_type_0 = cls(
            addressee=addressee,
            address_lines=address_lines,
            city=city,
            state=state,
            post_code=post_code,
            country=country,
            phone=phone,
            email=email,
            notes=notes,
        )

        return purchase_order_record_shipment_address_type_0

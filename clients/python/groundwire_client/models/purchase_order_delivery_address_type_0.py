from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar, cast

from attrs import define as _attrs_define

T = TypeVar("T", bound="PurchaseOrderDeliveryAddressType0")


@_attrs_define
class PurchaseOrderDeliveryAddressType0:
    """
    Attributes:
        addressee (None | str):
        address_lines (list[None | str] | None):
        city (None | str):
        state (None | str):
        post_code (None | str):
        country (None | str):
        phone (None | str):
        email (None | str):
        notes (None | str):
    """

    addressee: None | str
    address_lines: list[None | str] | None
    city: None | str
    state: None | str
    post_code: None | str
    country: None | str
    phone: None | str
    email: None | str
    notes: None | str

    def to_dict(self) -> dict[str, Any]:
        addressee: None | str
        addressee = self.addressee

        address_lines: list[None | str] | None
        if isinstance(self.address_lines, list):
            address_lines = []
            for address_lines_type_0_item_data in self.address_lines:
                address_lines_type_0_item: None | str
                address_lines_type_0_item = address_lines_type_0_item_data
                address_lines.append(address_lines_type_0_item)

        else:
            address_lines = self.address_lines

        city: None | str
        city = self.city

        state: None | str
        state = self.state

        post_code: None | str
        post_code = self.post_code

        country: None | str
        country = self.country

        phone: None | str
        phone = self.phone

        email: None | str
        email = self.email

        notes: None | str
        notes = self.notes

        field_dict: dict[str, Any] = {}

        field_dict.update(
            {
                "addressee": addressee,
                "addressLines": address_lines,
                "city": city,
                "state": state,
                "postCode": post_code,
                "country": country,
                "phone": phone,
                "email": email,
                "notes": notes,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)

        def _parse_addressee(data: object) -> None | str:
            if data is None:
                return data
            return cast(None | str, data)

        addressee = _parse_addressee(d.pop("addressee"))

        def _parse_address_lines(data: object) -> list[None | str] | None:
            if data is None:
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
            return cast(list[None | str] | None, data)

        address_lines = _parse_address_lines(d.pop("addressLines"))

        def _parse_city(data: object) -> None | str:
            if data is None:
                return data
            return cast(None | str, data)

        city = _parse_city(d.pop("city"))

        def _parse_state(data: object) -> None | str:
            if data is None:
                return data
            return cast(None | str, data)

        state = _parse_state(d.pop("state"))

        def _parse_post_code(data: object) -> None | str:
            if data is None:
                return data
            return cast(None | str, data)

        post_code = _parse_post_code(d.pop("postCode"))

        def _parse_country(data: object) -> None | str:
            if data is None:
                return data
            return cast(None | str, data)

        country = _parse_country(d.pop("country"))

        def _parse_phone(data: object) -> None | str:
            if data is None:
                return data
            return cast(None | str, data)

        phone = _parse_phone(d.pop("phone"))

        def _parse_email(data: object) -> None | str:
            if data is None:
                return data
            return cast(None | str, data)

        email = _parse_email(d.pop("email"))

        def _parse_notes(data: object) -> None | str:
            if data is None:
                return data
            return cast(None | str, data)

        notes = _parse_notes(d.pop("notes"))

        purchase_order_delivery_address_type_0 = cls(
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

        return purchase_order_delivery_address_type_0

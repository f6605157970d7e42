from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import Any, TypeVar, cast

from attrs import define as _attrs_define

from ..models.purchase_order_record_line_items_item_status_type_1 import (
    PurchaseOrderRecordLineItemsItemStatusType1,
)
from ..types import UNSET, Unset

T = TypeVar("T", bound="PurchaseOrderRecordLineItemsItem")


@_attrs_define
class PurchaseOrderRecordLineItemsItem:
    """
    Attributes:
        key (None | str | Unset):
        line_no (None | str | Unset):
        type_ (None | str | Unset):
        code (None | str | Unset):
        name (None | str | Unset):
        description (None | str | Unset):
        material_key (None | str | Unset):
        product_key (None | str | Unset):
        asset_key (None | str | Unset):
        account_key (None | str | Unset):
        vendor_key (None | str | Unset):
        storeroom_key (None | str | Unset):
        location_key (None | str | Unset):
        status (None | PurchaseOrderRecordLineItemsItemStatusType1 | Unset):
        status_key (None | str | Unset):
        quantity (None | str | Unset):
        received_quantity (None | str | Unset):
        uom_key (None | str | Unset):
        price (None | str | Unset):
        price_unit (None | str | Unset):
        discount (None | str | Unset):
        line_tax_value (None | str | Unset):
        line_total_value (None | str | Unset):
        currency_key (None | str | Unset):
        delivery_at (datetime.datetime | None | Unset):
        due_at (datetime.datetime | None | Unset):
        line_ref (None | str | Unset):
        notes (None | str | Unset):
    """

    key: None | str | Unset = UNSET
    line_no: None | str | Unset = UNSET
    type_: None | str | Unset = UNSET
    code: None | str | Unset = UNSET
    name: None | str | Unset = UNSET
    description: None | str | Unset = UNSET
    material_key: None | str | Unset = UNSET
    product_key: None | str | Unset = UNSET
    asset_key: None | str | Unset = UNSET
    account_key: None | str | Unset = UNSET
    vendor_key: None | str | Unset = UNSET
    storeroom_key: None | str | Unset = UNSET
    location_key: None | str | Unset = UNSET
    status: None | PurchaseOrderRecordLineItemsItemStatusType1 | Unset = UNSET
    status_key: None | str | Unset = UNSET
    quantity: None | str | Unset = UNSET
    received_quantity: None | str | Unset = UNSET
    uom_key: None | str | Unset = UNSET
    price: None | str | Unset = UNSET
    price_unit: None | str | Unset = UNSET
    discount: None | str | Unset = UNSET
    line_tax_value: None | str | Unset = UNSET
    line_total_value: None | str | Unset = UNSET
    currency_key: None | str | Unset = UNSET
    delivery_at: datetime.datetime | None | Unset = UNSET
    due_at: datetime.datetime | None | Unset = UNSET
    line_ref: None | str | Unset = UNSET
    notes: None | str | Unset = UNSET

    def to_dict(self) -> dict[str, Any]:
        key: None | str | Unset
        if isinstance(self.key, Unset):
            key = UNSET
        else:
            key = self.key

        line_no: None | str | Unset
        if isinstance(self.line_no, Unset):
            line_no = UNSET
        else:
            line_no = self.line_no

        type_: None | str | Unset
        if isinstance(self.type_, Unset):
            type_ = UNSET
        else:
            type_ = self.type_

        code: None | str | Unset
        if isinstance(self.code, Unset):
            code = UNSET
        else:
            code = self.code

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

        material_key: None | str | Unset
        if isinstance(self.material_key, Unset):
            material_key = UNSET
        else:
            material_key = self.material_key

        product_key: None | str | Unset
        if isinstance(self.product_key, Unset):
            product_key = UNSET
        else:
            product_key = self.product_key

        asset_key: None | str | Unset
        if isinstance(self.asset_key, Unset):
            asset_key = UNSET
        else:
            asset_key = self.asset_key

        account_key: None | str | Unset
        if isinstance(self.account_key, Unset):
            account_key = UNSET
        else:
            account_key = self.account_key

        vendor_key: None | str | Unset
        if isinstance(self.vendor_key, Unset):
            vendor_key = UNSET
        else:
            vendor_key = self.vendor_key

        storeroom_key: None | str | Unset
        if isinstance(self.storeroom_key, Unset):
            storeroom_key = UNSET
        else:
            storeroom_key = self.storeroom_key

        location_key: None | str | Unset
        if isinstance(self.location_key, Unset):
            location_key = UNSET
        else:
            location_key = self.location_key

        status: None | str | Unset
        if isinstance(self.status, Unset):
            status = UNSET
        elif isinstance(self.status, PurchaseOrderRecordLineItemsItemStatusType1):
            status = self.status.value
        else:
            status = self.status

        status_key: None | str | Unset
        if isinstance(self.status_key, Unset):
            status_key = UNSET
        else:
            status_key = self.status_key

        quantity: None | str | Unset
        if isinstance(self.quantity, Unset):
            quantity = UNSET
        else:
            quantity = self.quantity

        received_quantity: None | str | Unset
        if isinstance(self.received_quantity, Unset):
            received_quantity = UNSET
        else:
            received_quantity = self.received_quantity

        uom_key: None | str | Unset
        if isinstance(self.uom_key, Unset):
            uom_key = UNSET
        else:
            uom_key = self.uom_key

        price: None | str | Unset
        if isinstance(self.price, Unset):
            price = UNSET
        else:
            price = self.price

        price_unit: None | str | Unset
        if isinstance(self.price_unit, Unset):
            price_unit = UNSET
        else:
            price_unit = self.price_unit

        discount: None | str | Unset
        if isinstance(self.discount, Unset):
            discount = UNSET
        else:
            discount = self.discount

        line_tax_value: None | str | Unset
        if isinstance(self.line_tax_value, Unset):
            line_tax_value = UNSET
        else:
            line_tax_value = self.line_tax_value

        line_total_value: None | str | Unset
        if isinstance(self.line_total_value, Unset):
            line_total_value = UNSET
        else:
            line_total_value = self.line_total_value

        currency_key: None | str | Unset
        if isinstance(self.currency_key, Unset):
            currency_key = UNSET
        else:
            currency_key = self.currency_key

        delivery_at: None | str | Unset
        if isinstance(self.delivery_at, Unset):
            delivery_at = UNSET
        elif isinstance(self.delivery_at, datetime.datetime):
            delivery_at = self.delivery_at.isoformat()
        else:
            delivery_at = self.delivery_at

        due_at: None | str | Unset
        if isinstance(self.due_at, Unset):
            due_at = UNSET
        elif isinstance(self.due_at, datetime.datetime):
            due_at = self.due_at.isoformat()
        else:
            due_at = self.due_at

        line_ref: None | str | Unset
        if isinstance(self.line_ref, Unset):
            line_ref = UNSET
        else:
            line_ref = self.line_ref

        notes: None | str | Unset
        if isinstance(self.notes, Unset):
            notes = UNSET
        else:
            notes = self.notes

        field_dict: dict[str, Any] = {}

        field_dict.update({})
        if key is not UNSET:
            field_dict["key"] = key
        if line_no is not UNSET:
            field_dict["lineNo"] = line_no
        if type_ is not UNSET:
            field_dict["type"] = type_
        if code is not UNSET:
            field_dict["code"] = code
        if name is not UNSET:
            field_dict["name"] = name
        if description is not UNSET:
            field_dict["description"] = description
        if material_key is not UNSET:
            field_dict["materialKey"] = material_key
        if product_key is not UNSET:
            field_dict["productKey"] = product_key
        if asset_key is not UNSET:
            field_dict["assetKey"] = asset_key
        if account_key is not UNSET:
            field_dict["accountKey"] = account_key
        if vendor_key is not UNSET:
            field_dict["vendorKey"] = vendor_key
        if storeroom_key is not UNSET:
            field_dict["storeroomKey"] = storeroom_key
        if location_key is not UNSET:
            field_dict["locationKey"] = location_key
        if status is not UNSET:
            field_dict["status"] = status
        if status_key is not UNSET:
            field_dict["statusKey"] = status_key
        if quantity is not UNSET:
            field_dict["quantity"] = quantity
        if received_quantity is not UNSET:
            field_dict["receivedQuantity"] = received_quantity
        if uom_key is not UNSET:
            field_dict["uomKey"] = uom_key
        if price is not UNSET:
            field_dict["price"] = price
        if price_unit is not UNSET:
            field_dict["priceUnit"] = price_unit
        if discount is not UNSET:
            field_dict["discount"] = discount
        if line_tax_value is not UNSET:
            field_dict["lineTaxValue"] = line_tax_value
        if line_total_value is not UNSET:
            field_dict["lineTotalValue"] = line_total_value
        if currency_key is not UNSET:
            field_dict["currencyKey"] = currency_key
        if delivery_at is not UNSET:
            field_dict["deliveryAt"] = delivery_at
        if due_at is not UNSET:
            field_dict["dueAt"] = due_at
        if line_ref is not UNSET:
            field_dict["lineRef"] = line_ref
        if notes is not UNSET:
            field_dict["notes"] = notes

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

        def _parse_line_no(data: object) -> None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(None | str | Unset, data)

        line_no = _parse_line_no(d.pop("lineNo", UNSET))

        def _parse_type_(data: object) -> None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(None | str | Unset, data)

        type_ = _parse_type_(d.pop("type", UNSET))

        def _parse_code(data: object) -> None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(None | str | Unset, data)

        code = _parse_code(d.pop("code", UNSET))

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

        def _parse_material_key(data: object) -> None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(None | str | Unset, data)

        material_key = _parse_material_key(d.pop("materialKey", UNSET))

        def _parse_product_key(data: object) -> None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(None | str | Unset, data)

        product_key = _parse_product_key(d.pop("productKey", UNSET))

        def _parse_asset_key(data: object) -> None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(None | str | Unset, data)

        asset_key = _parse_asset_key(d.pop("assetKey", UNSET))

        def _parse_account_key(data: object) -> None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(None | str | Unset, data)

        account_key = _parse_account_key(d.pop("accountKey", UNSET))

        def _parse_vendor_key(data: object) -> None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(None | str | Unset, data)

        vendor_key = _parse_vendor_key(d.pop("vendorKey", UNSET))

        def _parse_storeroom_key(data: object) -> None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(None | str | Unset, data)

        storeroom_key = _parse_storeroom_key(d.pop("storeroomKey", UNSET))

        def _parse_location_key(data: object) -> None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(None | str | Unset, data)

        location_key = _parse_location_key(d.pop("locationKey", UNSET))

        def _parse_status(data: object) -> None | PurchaseOrderRecordLineItemsItemStatusType1 | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            try:
                if not isinstance(data, str):
                    raise TypeError()
                status_type_1 = PurchaseOrderRecordLineItemsItemStatusType1(data)

                return status_type_1
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(None | PurchaseOrderRecordLineItemsItemStatusType1 | Unset, data)

        status = _parse_status(d.pop("status", UNSET))

        def _parse_status_key(data: object) -> None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(None | str | Unset, data)

        status_key = _parse_status_key(d.pop("statusKey", UNSET))

        def _parse_quantity(data: object) -> None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(None | str | Unset, data)

        quantity = _parse_quantity(d.pop("quantity", UNSET))

        def _parse_received_quantity(data: object) -> None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(None | str | Unset, data)

        received_quantity = _parse_received_quantity(d.pop("receivedQuantity", UNSET))

        def _parse_uom_key(data: object) -> None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(None | str | Unset, data)

        uom_key = _parse_uom_key(d.pop("uomKey", UNSET))

        def _parse_price(data: object) -> None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(None | str | Unset, data)

        price = _parse_price(d.pop("price", UNSET))

        def _parse_price_unit(data: object) -> None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(None | str | Unset, data)

        price_unit = _parse_price_unit(d.pop("priceUnit", UNSET))

        def _parse_discount(data: object) -> None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(None | str | Unset, data)

        discount = _parse_discount(d.pop("discount", UNSET))

        def _parse_line_tax_value(data: object) -> None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(None | str | Unset, data)

        line_tax_value = _parse_line_tax_value(d.pop("lineTaxValue", UNSET))

        def _parse_line_total_value(data: object) -> None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(None | str | Unset, data)

        line_total_value = _parse_line_total_value(d.pop("lineTotalValue", UNSET))

        def _parse_currency_key(data: object) -> None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(None | str | Unset, data)

        currency_key = _parse_currency_key(d.pop("currencyKey", UNSET))

        def _parse_delivery_at(data: object) -> datetime.datetime | None | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            try:
                if not isinstance(data, str):
                    raise TypeError()
                delivery_at_type_0 = datetime.datetime.fromisoformat(data)

                return delivery_at_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(datetime.datetime | None | Unset, data)

        delivery_at = _parse_delivery_at(d.pop("deliveryAt", UNSET))

        def _parse_due_at(data: object) -> datetime.datetime | None | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            try:
                if not isinstance(data, str):
                    raise TypeError()
                due_at_type_0 = datetime.datetime.fromisoformat(data)

                return due_at_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(datetime.datetime | None | Unset, data)

        due_at = _parse_due_at(d.pop("dueAt", UNSET))

        def _parse_line_ref(data: object) -> None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(None | str | Unset, data)

        line_ref = _parse_line_ref(d.pop("lineRef", UNSET))

        def _parse_notes(data: object) -> None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(None | str | Unset, data)

        notes = _parse_notes(d.pop("notes", UNSET))

        purchase_order_record_line_items_item = cls(
            key=key,
            line_no=line_no,
            type_=type_,
            code=code,
            name=name,
            description=description,
            material_key=material_key,
            product_key=product_key,
            asset_key=asset_key,
            account_key=account_key,
            vendor_key=vendor_key,
            storeroom_key=storeroom_key,
            location_key=location_key,
            status=status,
            status_key=status_key,
            quantity=quantity,
            received_quantity=received_quantity,
            uom_key=uom_key,
            price=price,
            price_unit=price_unit,
            discount=discount,
            line_tax_value=line_tax_value,
            line_total_value=line_total_value,
            currency_key=currency_key,
            delivery_at=delivery_at,
            due_at=due_at,
            line_ref=line_ref,
            notes=notes,
        )

        return purchase_order_record_line_items_item

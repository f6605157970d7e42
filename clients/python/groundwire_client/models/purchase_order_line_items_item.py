from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import Any, TypeVar, cast

from attrs import define as _attrs_define

from ..models.purchase_order_line_items_item_status_type_1 import PurchaseOrderLineItemsItemStatusType1

T = TypeVar("T", bound="PurchaseOrderLineItemsItem")


@_attrs_define
class PurchaseOrderLineItemsItem:
    """
    Attributes:
        key (None | str):
        line_no (None | str):
        type_ (None | str):
        code (None | str):
        name (None | str):
        description (None | str):
        material_key (None | str):
        product_key (None | str):
        asset_key (None | str):
        account_key (None | str):
        vendor_key (None | str):
        storeroom_key (None | str):
        location_key (None | str):
        status (None | PurchaseOrderLineItemsItemStatusType1):
        status_key (None | str):
        quantity (None | str):
        received_quantity (None | str):
        uom_key (None | str):
        price (None | str):
        price_unit (None | str):
        discount (None | str):
        line_tax_value (None | str):
        line_total_value (None | str):
        currency_key (None | str):
        delivery_at (datetime.datetime | None):
        due_at (datetime.datetime | None):
        line_ref (None | str):
        notes (None | str):
    """

    key: None | str
    line_no: None | str
    type_: None | str
    code: None | str
    name: None | str
    description: None | str
    material_key: None | str
    product_key: None | str
    asset_key: None | str
    account_key: None | str
    vendor_key: None | str
    storeroom_key: None | str
    location_key: None | str
    status: None | PurchaseOrderLineItemsItemStatusType1
    status_key: None | str
    quantity: None | str
    received_quantity: None | str
    uom_key: None | str
    price: None | str
    price_unit: None | str
    discount: None | str
    line_tax_value: None | str
    line_total_value: None | str
    currency_key: None | str
    delivery_at: datetime.datetime | None
    due_at: datetime.datetime | None
    line_ref: None | str
    notes: None | str

    def to_dict(self) -> dict[str, Any]:
        key: None | str
        key = self.key

        line_no: None | str
        line_no = self.line_no

        type_: None | str
        type_ = self.type_

        code: None | str
        code = self.code

        name: None | str
        name = self.name

        description: None | str
        description = self.description

        material_key: None | str
        material_key = self.material_key

        product_key: None | str
        product_key = self.product_key

        asset_key: None | str
        asset_key = self.asset_key

        account_key: None | str
        account_key = self.account_key

        vendor_key: None | str
        vendor_key = self.vendor_key

        storeroom_key: None | str
        storeroom_key = self.storeroom_key

        location_key: None | str
        location_key = self.location_key

        status: None | str
        if isinstance(self.status, PurchaseOrderLineItemsItemStatusType1):
            status = self.status.value
        else:
            status = self.status

        status_key: None | str
        status_key = self.status_key

        quantity: None | str
        quantity = self.quantity

        received_quantity: None | str
        received_quantity = self.received_quantity

        uom_key: None | str
        uom_key = self.uom_key

        price: None | str
        price = self.price

        price_unit: None | str
        price_unit = self.price_unit

        discount: None | str
        discount = self.discount

        line_tax_value: None | str
        line_tax_value = self.line_tax_value

        line_total_value: None | str
        line_total_value = self.line_total_value

        currency_key: None | str
        currency_key = self.currency_key

        delivery_at: None | str
        if isinstance(self.delivery_at, datetime.datetime):
            delivery_at = self.delivery_at.isoformat()
        else:
            delivery_at = self.delivery_at

        due_at: None | str
        if isinstance(self.due_at, datetime.datetime):
            due_at = self.due_at.isoformat()
        else:
            due_at = self.due_at

        line_ref: None | str
        line_ref = self.line_ref

        notes: None | str
        notes = self.notes

        field_dict: dict[str, Any] = {}

        field_dict.update(
            {
                "key": key,
                "lineNo": line_no,
                "type": type_,
                "code": code,
                "name": name,
                "description": description,
                "materialKey": material_key,
                "productKey": product_key,
                "assetKey": asset_key,
                "accountKey": account_key,
                "vendorKey": vendor_key,
                "storeroomKey": storeroom_key,
                "locationKey": location_key,
                "status": status,
                "statusKey": status_key,
                "quantity": quantity,
                "receivedQuantity": received_quantity,
                "uomKey": uom_key,
                "price": price,
                "priceUnit": price_unit,
                "discount": discount,
                "lineTaxValue": line_tax_value,
                "lineTotalValue": line_total_value,
                "currencyKey": currency_key,
                "deliveryAt": delivery_at,
                "dueAt": due_at,
                "lineRef": line_ref,
                "notes": notes,
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

        def _parse_line_no(data: object) -> None | str:
            if data is None:
                return data
            return cast(None | str, data)

        line_no = _parse_line_no(d.pop("lineNo"))

        def _parse_type_(data: object) -> None | str:
            if data is None:
                return data
            return cast(None | str, data)

        type_ = _parse_type_(d.pop("type"))

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

        def _parse_description(data: object) -> None | str:
            if data is None:
                return data
            return cast(None | str, data)

        description = _parse_description(d.pop("description"))

        def _parse_material_key(data: object) -> None | str:
            if data is None:
                return data
            return cast(None | str, data)

        material_key = _parse_material_key(d.pop("materialKey"))

        def _parse_product_key(data: object) -> None | str:
            if data is None:
                return data
            return cast(None | str, data)

        product_key = _parse_product_key(d.pop("productKey"))

        def _parse_asset_key(data: object) -> None | str:
            if data is None:
                return data
            return cast(None | str, data)

        asset_key = _parse_asset_key(d.pop("assetKey"))

        def _parse_account_key(data: object) -> None | str:
            if data is None:
                return data
            return cast(None | str, data)

        account_key = _parse_account_key(d.pop("accountKey"))

        def _parse_vendor_key(data: object) -> None | str:
            if data is None:
                return data
            return cast(None | str, data)

        vendor_key = _parse_vendor_key(d.pop("vendorKey"))

        def _parse_storeroom_key(data: object) -> None | str:
            if data is None:
                return data
            return cast(None | str, data)

        storeroom_key = _parse_storeroom_key(d.pop("storeroomKey"))

        def _parse_location_key(data: object) -> None | str:
            if data is None:
                return data
            return cast(None | str, data)

        location_key = _parse_location_key(d.pop("locationKey"))

        def _parse_status(data: object) -> None | PurchaseOrderLineItemsItemStatusType1:
            if data is None:
                return data
            try:
                if not isinstance(data, str):
                    raise TypeError()
                status_type_1 = PurchaseOrderLineItemsItemStatusType1(data)

                return status_type_1
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(None | PurchaseOrderLineItemsItemStatusType1, data)

        status = _parse_status(d.pop("status"))

        def _parse_status_key(data: object) -> None | str:
            if data is None:
                return data
            return cast(None | str, data)

        status_key = _parse_status_key(d.pop("statusKey"))

        def _parse_quantity(data: object) -> None | str:
            if data is None:
                return data
            return cast(None | str, data)

        quantity = _parse_quantity(d.pop("quantity"))

        def _parse_received_quantity(data: object) -> None | str:
            if data is None:
                return data
            return cast(None | str, data)

        received_quantity = _parse_received_quantity(d.pop("receivedQuantity"))

        def _parse_uom_key(data: object) -> None | str:
            if data is None:
                return data
            return cast(None | str, data)

        uom_key = _parse_uom_key(d.pop("uomKey"))

        def _parse_price(data: object) -> None | str:
            if data is None:
                return data
            return cast(None | str, data)

        price = _parse_price(d.pop("price"))

        def _parse_price_unit(data: object) -> None | str:
            if data is None:
                return data
            return cast(None | str, data)

        price_unit = _parse_price_unit(d.pop("priceUnit"))

        def _parse_discount(data: object) -> None | str:
            if data is None:
                return data
            return cast(None | str, data)

        discount = _parse_discount(d.pop("discount"))

        def _parse_line_tax_value(data: object) -> None | str:
            if data is None:
                return data
            return cast(None | str, data)

        line_tax_value = _parse_line_tax_value(d.pop("lineTaxValue"))

        def _parse_line_total_value(data: object) -> None | str:
            if data is None:
                return data
            return cast(None | str, data)

        line_total_value = _parse_line_total_value(d.pop("lineTotalValue"))

        def _parse_currency_key(data: object) -> None | str:
            if data is None:
                return data
            return cast(None | str, data)

        currency_key = _parse_currency_key(d.pop("currencyKey"))

        def _parse_delivery_at(data: object) -> datetime.datetime | None:
            if data is None:
                return data
            try:
                if not isinstance(data, str):
                    raise TypeError()
                delivery_at_type_0 = datetime.datetime.fromisoformat(data)

                return delivery_at_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(datetime.datetime | None, data)

        delivery_at = _parse_delivery_at(d.pop("deliveryAt"))

        def _parse_due_at(data: object) -> datetime.datetime | None:
            if data is None:
                return data
            try:
                if not isinstance(data, str):
                    raise TypeError()
                due_at_type_0 = datetime.datetime.fromisoformat(data)

                return due_at_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(datetime.datetime | None, data)

        due_at = _parse_due_at(d.pop("dueAt"))

        def _parse_line_ref(data: object) -> None | str:
            if data is None:
                return data
            return cast(None | str, data)

        line_ref = _parse_line_ref(d.pop("lineRef"))

        def _parse_notes(data: object) -> None | str:
            if data is None:
                return data
            return cast(None | str, data)

        notes = _parse_notes(d.pop("notes"))

        purchase_order_line_items_item = cls(
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

        return purchase_order_line_items_item

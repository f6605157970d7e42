from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar, cast

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..models.purchase_order_record_status_type_1 import PurchaseOrderRecordStatusType1
from ..types import UNSET, Unset

if TYPE_CHECKING:
    from ..models.purchase_order_record_billing_address_type_0 import PurchaseOrderRecordBillingAddressType0
    from ..models.purchase_order_record_delivery_address_type_0 import PurchaseOrderRecordDeliveryAddressType0
    from ..models.purchase_order_record_line_items_item import PurchaseOrderRecordLineItemsItem
    from ..models.purchase_order_record_shipment_address_type_0 import PurchaseOrderRecordShipmentAddressType0


T = TypeVar("T", bound="PurchaseOrderRecord")


@_attrs_define
class PurchaseOrderRecord:
    """
    Attributes:
        order_no (str | Unset):
        title (None | str | Unset):
        description (None | str | Unset):
        status (None | PurchaseOrderRecordStatusType1 | Unset):
        status_key (None | str | Unset):
        order_date (datetime.date | None | Unset):
        due_at (datetime.datetime | None | Unset):
        approved_at (datetime.datetime | None | Unset):
        completed_at (datetime.datetime | None | Unset):
        shipment_date (datetime.date | None | Unset):
        delivery_at (datetime.datetime | None | Unset):
        vendor_key (None | str | Unset):
        vendor_code (None | str | Unset):
        vendor_name (None | str | Unset):
        organization_key (None | str | Unset):
        site_key (None | str | Unset):
        location_key (None | str | Unset):
        user_requested_key (None | str | Unset):
        user_approved_key (None | str | Unset):
        currency_key (None | str | Unset):
        terms (None | str | Unset):
        shipping_method (None | str | Unset):
        billing_address (None | PurchaseOrderRecordBillingAddressType0 | Unset):
        shipment_address (None | PurchaseOrderRecordShipmentAddressType0 | Unset):
        delivery_address (None | PurchaseOrderRecordDeliveryAddressType0 | Unset):
        total_net_value (None | str | Unset):
        total_tax_value (None | str | Unset):
        total_gross_value (None | str | Unset):
        notes (None | str | Unset):
        line_items (list[PurchaseOrderRecordLineItemsItem] | Unset):
        read_at (datetime.datetime | None | Unset):
    """

    order_no: str | Unset = UNSET
    title: None | str | Unset = UNSET
    description: None | str | Unset = UNSET
    status: None | PurchaseOrderRecordStatusType1 | Unset = UNSET
    status_key: None | str | Unset = UNSET
    order_date: datetime.date | None | Unset = UNSET
    due_at: datetime.datetime | None | Unset = UNSET
    approved_at: datetime.datetime | None | Unset = UNSET
    completed_at: datetime.datetime | None | Unset = UNSET
    shipment_date: datetime.date | None | Unset = UNSET
    delivery_at: datetime.datetime | None | Unset = UNSET
    vendor_key: None | str | Unset = UNSET
    vendor_code: None | str | Unset = UNSET
    vendor_name: None | str | Unset = UNSET
    organization_key: None | str | Unset = UNSET
    site_key: None | str | Unset = UNSET
    location_key: None | str | Unset = UNSET
    user_requested_key: None | str | Unset = UNSET
    user_approved_key: None | str | Unset = UNSET
    currency_key: None | str | Unset = UNSET
    terms: None | str | Unset = UNSET
    shipping_method: None | str | Unset = UNSET
    billing_address: None | PurchaseOrderRecordBillingAddressType0 | Unset = UNSET
    shipment_address: None | PurchaseOrderRecordShipmentAddressType0 | Unset = UNSET
    delivery_address: None | PurchaseOrderRecordDeliveryAddressType0 | Unset = UNSET
    total_net_value: None | str | Unset = UNSET
    total_tax_value: None | str | Unset = UNSET
    total_gross_value: None | str | Unset = UNSET
    notes: None | str | Unset = UNSET
    line_items: list[PurchaseOrderRecordLineItemsItem] | Unset = UNSET
    read_at: datetime.datetime | None | Unset = UNSET
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        from ..models.purchase_order_record_billing_address_type_0 import (
            PurchaseOrderRecordBillingAddressType0,  # noqa: PLC0415
        )
        from ..models.purchase_order_record_delivery_address_type_0 import (
            PurchaseOrderRecordDeliveryAddressType0,  # noqa: PLC0415
        )
        from ..models.purchase_order_record_shipment_address_type_0 import (
            PurchaseOrderRecordShipmentAddressType0,  # noqa: PLC0415
        )

        order_no = self.order_no

        title: None | str | Unset
        if isinstance(self.title, Unset):
            title = UNSET
        else:
            title = self.title

        description: None | str | Unset
        if isinstance(self.description, Unset):
            description = UNSET
        else:
            description = self.description

        status: None | str | Unset
        if isinstance(self.status, Unset):
            status = UNSET
        elif isinstance(self.status, PurchaseOrderRecordStatusType1):
            status = self.status.value
        else:
            status = self.status

        status_key: None | str | Unset
        if isinstance(self.status_key, Unset):
            status_key = UNSET
        else:
            status_key = self.status_key

        order_date: None | str | Unset
        if isinstance(self.order_date, Unset):
            order_date = UNSET
        elif isinstance(self.order_date, datetime.date):
            order_date = self.order_date.isoformat()
        else:
            order_date = self.order_date

        due_at: None | str | Unset
        if isinstance(self.due_at, Unset):
            due_at = UNSET
        elif isinstance(self.due_at, datetime.datetime):
            due_at = self.due_at.isoformat()
        else:
            due_at = self.due_at

        approved_at: None | str | Unset
        if isinstance(self.approved_at, Unset):
            approved_at = UNSET
        elif isinstance(self.approved_at, datetime.datetime):
            approved_at = self.approved_at.isoformat()
        else:
            approved_at = self.approved_at

        completed_at: None | str | Unset
        if isinstance(self.completed_at, Unset):
            completed_at = UNSET
        elif isinstance(self.completed_at, datetime.datetime):
            completed_at = self.completed_at.isoformat()
        else:
            completed_at = self.completed_at

        shipment_date: None | str | Unset
        if isinstance(self.shipment_date, Unset):
            shipment_date = UNSET
        elif isinstance(self.shipment_date, datetime.date):
            shipment_date = self.shipment_date.isoformat()
        else:
            shipment_date = self.shipment_date

        delivery_at: None | str | Unset
        if isinstance(self.delivery_at, Unset):
            delivery_at = UNSET
        elif isinstance(self.delivery_at, datetime.datetime):
            delivery_at = self.delivery_at.isoformat()
        else:
            delivery_at = self.delivery_at

        vendor_key: None | str | Unset
        if isinstance(self.vendor_key, Unset):
            vendor_key = UNSET
        else:
            vendor_key = self.vendor_key

        vendor_code: None | str | Unset
        if isinstance(self.vendor_code, Unset):
            vendor_code = UNSET
        else:
            vendor_code = self.vendor_code

        vendor_name: None | str | Unset
        if isinstance(self.vendor_name, Unset):
            vendor_name = UNSET
        else:
            vendor_name = self.vendor_name

        organization_key: None | str | Unset
        if isinstance(self.organization_key, Unset):
            organization_key = UNSET
        else:
            organization_key = self.organization_key

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

        user_requested_key: None | str | Unset
        if isinstance(self.user_requested_key, Unset):
            user_requested_key = UNSET
        else:
            user_requested_key = self.user_requested_key

        user_approved_key: None | str | Unset
        if isinstance(self.user_approved_key, Unset):
            user_approved_key = UNSET
        else:
            user_approved_key = self.user_approved_key

        currency_key: None | str | Unset
        if isinstance(self.currency_key, Unset):
            currency_key = UNSET
        else:
            currency_key = self.currency_key

        terms: None | str | Unset
        if isinstance(self.terms, Unset):
            terms = UNSET
        else:
            terms = self.terms

        shipping_method: None | str | Unset
        if isinstance(self.shipping_method, Unset):
            shipping_method = UNSET
        else:
            shipping_method = self.shipping_method

        billing_address: dict[str, Any] | None | Unset
        if isinstance(self.billing_address, Unset):
            billing_address = UNSET
        elif isinstance(self.billing_address, PurchaseOrderRecordBillingAddressType0):
            billing_address = self.billing_address.to_dict()
        else:
            billing_address = self.billing_address

        shipment_address: dict[str, Any] | None | Unset
        if isinstance(self.shipment_address, Unset):
            shipment_address = UNSET
        elif isinstance(self.shipment_address, PurchaseOrderRecordShipmentAddressType0):
            shipment_address = self.shipment_address.to_dict()
        else:
            shipment_address = self.shipment_address

        delivery_address: dict[str, Any] | None | Unset
        if isinstance(self.delivery_address, Unset):
            delivery_address = UNSET
        elif isinstance(self.delivery_address, PurchaseOrderRecordDeliveryAddressType0):
            delivery_address = self.delivery_address.to_dict()
        else:
            delivery_address = self.delivery_address

        total_net_value: None | str | Unset
        if isinstance(self.total_net_value, Unset):
            total_net_value = UNSET
        else:
            total_net_value = self.total_net_value

        total_tax_value: None | str | Unset
        if isinstance(self.total_tax_value, Unset):
            total_tax_value = UNSET
        else:
            total_tax_value = self.total_tax_value

        total_gross_value: None | str | Unset
        if isinstance(self.total_gross_value, Unset):
            total_gross_value = UNSET
        else:
            total_gross_value = self.total_gross_value

        notes: None | str | Unset
        if isinstance(self.notes, Unset):
            notes = UNSET
        else:
            notes = self.notes

        line_items: list[dict[str, Any]] | Unset = UNSET
        if not isinstance(self.line_items, Unset):
            line_items = []
            for line_items_item_data in self.line_items:
                line_items_item = line_items_item_data.to_dict()
                line_items.append(line_items_item)

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
        if order_no is not UNSET:
            field_dict["orderNo"] = order_no
        if title is not UNSET:
            field_dict["title"] = title
        if description is not UNSET:
            field_dict["description"] = description
        if status is not UNSET:
            field_dict["status"] = status
        if status_key is not UNSET:
            field_dict["statusKey"] = status_key
        if order_date is not UNSET:
            field_dict["orderDate"] = order_date
        if due_at is not UNSET:
            field_dict["dueAt"] = due_at
        if approved_at is not UNSET:
            field_dict["approvedAt"] = approved_at
        if completed_at is not UNSET:
            field_dict["completedAt"] = completed_at
        if shipment_date is not UNSET:
            field_dict["shipmentDate"] = shipment_date
        if delivery_at is not UNSET:
            field_dict["deliveryAt"] = delivery_at
        if vendor_key is not UNSET:
            field_dict["vendorKey"] = vendor_key
        if vendor_code is not UNSET:
            field_dict["vendorCode"] = vendor_code
        if vendor_name is not UNSET:
            field_dict["vendorName"] = vendor_name
        if organization_key is not UNSET:
            field_dict["organizationKey"] = organization_key
        if site_key is not UNSET:
            field_dict["siteKey"] = site_key
        if location_key is not UNSET:
            field_dict["locationKey"] = location_key
        if user_requested_key is not UNSET:
            field_dict["userRequestedKey"] = user_requested_key
        if user_approved_key is not UNSET:
            field_dict["userApprovedKey"] = user_approved_key
        if currency_key is not UNSET:
            field_dict["currencyKey"] = currency_key
        if terms is not UNSET:
            field_dict["terms"] = terms
        if shipping_method is not UNSET:
            field_dict["shippingMethod"] = shipping_method
        if billing_address is not UNSET:
            field_dict["billingAddress"] = billing_address
        if shipment_address is not UNSET:
            field_dict["shipmentAddress"] = shipment_address
        if delivery_address is not UNSET:
            field_dict["deliveryAddress"] = delivery_address
        if total_net_value is not UNSET:
            field_dict["totalNetValue"] = total_net_value
        if total_tax_value is not UNSET:
            field_dict["totalTaxValue"] = total_tax_value
        if total_gross_value is not UNSET:
            field_dict["totalGrossValue"] = total_gross_value
        if notes is not UNSET:
            field_dict["notes"] = notes
        if line_items is not UNSET:
            field_dict["lineItems"] = line_items
        if read_at is not UNSET:
            field_dict["readAt"] = read_at

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from ..models.purchase_order_record_billing_address_type_0 import (
            PurchaseOrderRecordBillingAddressType0,  # noqa: PLC0415
        )
        from ..models.purchase_order_record_delivery_address_type_0 import (
            PurchaseOrderRecordDeliveryAddressType0,  # noqa: PLC0415
        )
        from ..models.purchase_order_record_line_items_item import PurchaseOrderRecordLineItemsItem  # noqa: PLC0415
        from ..models.purchase_order_record_shipment_address_type_0 import (
            PurchaseOrderRecordShipmentAddressType0,  # noqa: PLC0415
        )

        d = dict(src_dict)
        order_no = d.pop("orderNo", UNSET)

        def _parse_title(data: object) -> None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(None | str | Unset, data)

        title = _parse_title(d.pop("title", UNSET))

        def _parse_description(data: object) -> None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(None | str | Unset, data)

        description = _parse_description(d.pop("description", UNSET))

        def _parse_status(data: object) -> None | PurchaseOrderRecordStatusType1 | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            try:
                if not isinstance(data, str):
                    raise TypeError()
                status_type_1 = PurchaseOrderRecordStatusType1(data)

                return status_type_1
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(None | PurchaseOrderRecordStatusType1 | Unset, data)

        status = _parse_status(d.pop("status", UNSET))

        def _parse_status_key(data: object) -> None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(None | str | Unset, data)

        status_key = _parse_status_key(d.pop("statusKey", UNSET))

        def _parse_order_date(data: object) -> datetime.date | None | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            try:
                if not isinstance(data, str):
                    raise TypeError()
                order_date_type_0 = datetime.date.fromisoformat(data)

                return order_date_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(datetime.date | None | Unset, data)

        order_date = _parse_order_date(d.pop("orderDate", UNSET))

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

        def _parse_approved_at(data: object) -> datetime.datetime | None | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            try:
                if not isinstance(data, str):
                    raise TypeError()
                approved_at_type_0 = datetime.datetime.fromisoformat(data)

                return approved_at_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(datetime.datetime | None | Unset, data)

        approved_at = _parse_approved_at(d.pop("approvedAt", UNSET))

        def _parse_completed_at(data: object) -> datetime.datetime | None | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            try:
                if not isinstance(data, str):
                    raise TypeError()
                completed_at_type_0 = datetime.datetime.fromisoformat(data)

                return completed_at_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(datetime.datetime | None | Unset, data)

        completed_at = _parse_completed_at(d.pop("completedAt", UNSET))

        def _parse_shipment_date(data: object) -> datetime.date | None | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            try:
                if not isinstance(data, str):
                    raise TypeError()
                shipment_date_type_0 = datetime.date.fromisoformat(data)

                return shipment_date_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(datetime.date | None | Unset, data)

        shipment_date = _parse_shipment_date(d.pop("shipmentDate", UNSET))

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

        def _parse_vendor_key(data: object) -> None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(None | str | Unset, data)

        vendor_key = _parse_vendor_key(d.pop("vendorKey", UNSET))

        def _parse_vendor_code(data: object) -> None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(None | str | Unset, data)

        vendor_code = _parse_vendor_code(d.pop("vendorCode", UNSET))

        def _parse_vendor_name(data: object) -> None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(None | str | Unset, data)

        vendor_name = _parse_vendor_name(d.pop("vendorName", UNSET))

        def _parse_organization_key(data: object) -> None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(None | str | Unset, data)

        organization_key = _parse_organization_key(d.pop("organizationKey", UNSET))

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

        def _parse_user_requested_key(data: object) -> None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(None | str | Unset, data)

        user_requested_key = _parse_user_requested_key(d.pop("userRequestedKey", UNSET))

        def _parse_user_approved_key(data: object) -> None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(None | str | Unset, data)

        user_approved_key = _parse_user_approved_key(d.pop("userApprovedKey", UNSET))

        def _parse_currency_key(data: object) -> None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(None | str | Unset, data)

        currency_key = _parse_currency_key(d.pop("currencyKey", UNSET))

        def _parse_terms(data: object) -> None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(None | str | Unset, data)

        terms = _parse_terms(d.pop("terms", UNSET))

        def _parse_shipping_method(data: object) -> None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(None | str | Unset, data)

        shipping_method = _parse_shipping_method(d.pop("shippingMethod", UNSET))

        def _parse_billing_address(data: object) -> None | PurchaseOrderRecordBillingAddressType0 | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            try:
                if not isinstance(data, dict):
                    raise TypeError()
                billing_address_type_0 = PurchaseOrderRecordBillingAddressType0.from_dict(data)

                return billing_address_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(None | PurchaseOrderRecordBillingAddressType0 | Unset, data)

        billing_address = _parse_billing_address(d.pop("billingAddress", UNSET))

        def _parse_shipment_address(data: object) -> None | PurchaseOrderRecordShipmentAddressType0 | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            try:
                if not isinstance(data, dict):
                    raise TypeError()
                shipment_address_type_0 = PurchaseOrderRecordShipmentAddressType0.from_dict(data)

                return shipment_address_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(None | PurchaseOrderRecordShipmentAddressType0 | Unset, data)

        shipment_address = _parse_shipment_address(d.pop("shipmentAddress", UNSET))

        def _parse_delivery_address(data: object) -> None | PurchaseOrderRecordDeliveryAddressType0 | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            try:
                if not isinstance(data, dict):
                    raise TypeError()
                delivery_address_type_0 = PurchaseOrderRecordDeliveryAddressType0.from_dict(data)

                return delivery_address_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(None | PurchaseOrderRecordDeliveryAddressType0 | Unset, data)

        delivery_address = _parse_delivery_address(d.pop("deliveryAddress", UNSET))

        def _parse_total_net_value(data: object) -> None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(None | str | Unset, data)

        total_net_value = _parse_total_net_value(d.pop("totalNetValue", UNSET))

        def _parse_total_tax_value(data: object) -> None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(None | str | Unset, data)

        total_tax_value = _parse_total_tax_value(d.pop("totalTaxValue", UNSET))

        def _parse_total_gross_value(data: object) -> None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(None | str | Unset, data)

        total_gross_value = _parse_total_gross_value(d.pop("totalGrossValue", UNSET))

        def _parse_notes(data: object) -> None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(None | str | Unset, data)

        notes = _parse_notes(d.pop("notes", UNSET))

        _line_items = d.pop("lineItems", UNSET)
        line_items: list[PurchaseOrderRecordLineItemsItem] | Unset = UNSET
        if _line_items is not UNSET:
            line_items = []
            for line_items_item_data in _line_items:
                line_items_item = PurchaseOrderRecordLineItemsItem.from_dict(line_items_item_data)

                line_items.append(line_items_item)

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

        purchase_order_record = cls(
            order_no=order_no,
            title=title,
            description=description,
            status=status,
            status_key=status_key,
            order_date=order_date,
            due_at=due_at,
            approved_at=approved_at,
            completed_at=completed_at,
            shipment_date=shipment_date,
            delivery_at=delivery_at,
            vendor_key=vendor_key,
            vendor_code=vendor_code,
            vendor_name=vendor_name,
            organization_key=organization_key,
            site_key=site_key,
            location_key=location_key,
            user_requested_key=user_requested_key,
            user_approved_key=user_approved_key,
            currency_key=currency_key,
            terms=terms,
            shipping_method=shipping_method,
            billing_address=billing_address,
            shipment_address=shipment_address,
            delivery_address=delivery_address,
            total_net_value=total_net_value,
            total_tax_value=total_tax_value,
            total_gross_value=total_gross_value,
            notes=notes,
            line_items=line_items,
            read_at=read_at,
        )

        purchase_order_record.additional_properties = d
        return purchase_order_record

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

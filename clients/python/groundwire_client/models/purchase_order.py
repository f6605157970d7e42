from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar, cast

from attrs import define as _attrs_define

from ..models.purchase_order_status_type_1 import PurchaseOrderStatusType1
from ..types import UNSET, Unset

if TYPE_CHECKING:
    from ..models.purchase_order_billing_address_type_0 import PurchaseOrderBillingAddressType0
    from ..models.purchase_order_custom_fields import PurchaseOrderCustomFields
    from ..models.purchase_order_delivery_address_type_0 import PurchaseOrderDeliveryAddressType0
    from ..models.purchase_order_line_items_item import PurchaseOrderLineItemsItem
    from ..models.purchase_order_raw_type_0 import PurchaseOrderRawType0
    from ..models.purchase_order_shipment_address_type_0 import PurchaseOrderShipmentAddressType0


T = TypeVar("T", bound="PurchaseOrder")


@_attrs_define
class PurchaseOrder:
    """
    Attributes:
        key (str):
        order_no (None | str):
        title (None | str):
        description (None | str):
        status (None | PurchaseOrderStatusType1):
        status_key (None | str):
        order_date (datetime.date | None):
        due_at (datetime.datetime | None):
        approved_at (datetime.datetime | None):
        completed_at (datetime.datetime | None):
        shipment_date (datetime.date | None):
        delivery_at (datetime.datetime | None):
        vendor_key (None | str):
        vendor_code (None | str):
        vendor_name (None | str):
        organization_key (None | str):
        site_key (None | str):
        location_key (None | str):
        user_requested_key (None | str):
        user_approved_key (None | str):
        currency_key (None | str):
        terms (None | str):
        shipping_method (None | str):
        billing_address (None | PurchaseOrderBillingAddressType0):
        shipment_address (None | PurchaseOrderShipmentAddressType0):
        delivery_address (None | PurchaseOrderDeliveryAddressType0):
        total_net_value (None | str):
        total_tax_value (None | str):
        total_gross_value (None | str):
        notes (None | str):
        line_items (list[PurchaseOrderLineItemsItem]):
        custom_fields (PurchaseOrderCustomFields):
        source_key (None | str):
        content_hash (None | str):
        created_at (datetime.datetime | None):
        updated_at (datetime.datetime | None):
        deleted_at (datetime.datetime | None):
        connection (str): The connection's id.
        system (None | str):
        sync_run (None | str):
        read_at (datetime.datetime | None):
        raw (None | PurchaseOrderRawType0 | Unset): The source record, on request.
        received_at (datetime.datetime | None | Unset): When the relay stored it.
        deleted (bool | Unset): Whether the record is gone at the source.
    """

    key: str
    order_no: None | str
    title: None | str
    description: None | str
    status: None | PurchaseOrderStatusType1
    status_key: None | str
    order_date: datetime.date | None
    due_at: datetime.datetime | None
    approved_at: datetime.datetime | None
    completed_at: datetime.datetime | None
    shipment_date: datetime.date | None
    delivery_at: datetime.datetime | None
    vendor_key: None | str
    vendor_code: None | str
    vendor_name: None | str
    organization_key: None | str
    site_key: None | str
    location_key: None | str
    user_requested_key: None | str
    user_approved_key: None | str
    currency_key: None | str
    terms: None | str
    shipping_method: None | str
    billing_address: None | PurchaseOrderBillingAddressType0
    shipment_address: None | PurchaseOrderShipmentAddressType0
    delivery_address: None | PurchaseOrderDeliveryAddressType0
    total_net_value: None | str
    total_tax_value: None | str
    total_gross_value: None | str
    notes: None | str
    line_items: list[PurchaseOrderLineItemsItem]
    custom_fields: PurchaseOrderCustomFields
    source_key: None | str
    content_hash: None | str
    created_at: datetime.datetime | None
    updated_at: datetime.datetime | None
    deleted_at: datetime.datetime | None
    connection: str
    system: None | str
    sync_run: None | str
    read_at: datetime.datetime | None
    raw: None | PurchaseOrderRawType0 | Unset = UNSET
    received_at: datetime.datetime | None | Unset = UNSET
    deleted: bool | Unset = UNSET

    def to_dict(self) -> dict[str, Any]:
        from ..models.purchase_order_billing_address_type_0 import PurchaseOrderBillingAddressType0  # noqa: PLC0415
        from ..models.purchase_order_delivery_address_type_0 import PurchaseOrderDeliveryAddressType0  # noqa: PLC0415
        from ..models.purchase_order_raw_type_0 import PurchaseOrderRawType0  # noqa: PLC0415
        from ..models.purchase_order_shipment_address_type_0 import PurchaseOrderShipmentAddressType0  # noqa: PLC0415

        key = self.key

        order_no: None | str
        order_no = self.order_no

        title: None | str
        title = self.title

        description: None | str
        description = self.description

        status: None | str
        if isinstance(self.status, PurchaseOrderStatusType1):
            status = self.status.value
        else:
            status = self.status

        status_key: None | str
        status_key = self.status_key

        order_date: None | str
        if isinstance(self.order_date, datetime.date):
            order_date = self.order_date.isoformat()
        else:
            order_date = self.order_date

        due_at: None | str
        if isinstance(self.due_at, datetime.datetime):
            due_at = self.due_at.isoformat()
        else:
            due_at = self.due_at

        approved_at: None | str
        if isinstance(self.approved_at, datetime.datetime):
            approved_at = self.approved_at.isoformat()
        else:
            approved_at = self.approved_at

        completed_at: None | str
        if isinstance(self.completed_at, datetime.datetime):
            completed_at = self.completed_at.isoformat()
        else:
            completed_at = self.completed_at

        shipment_date: None | str
        if isinstance(self.shipment_date, datetime.date):
            shipment_date = self.shipment_date.isoformat()
        else:
            shipment_date = self.shipment_date

        delivery_at: None | str
        if isinstance(self.delivery_at, datetime.datetime):
            delivery_at = self.delivery_at.isoformat()
        else:
            delivery_at = self.delivery_at

        vendor_key: None | str
        vendor_key = self.vendor_key

        vendor_code: None | str
        vendor_code = self.vendor_code

        vendor_name: None | str
        vendor_name = self.vendor_name

        organization_key: None | str
        organization_key = self.organization_key

        site_key: None | str
        site_key = self.site_key

        location_key: None | str
        location_key = self.location_key

        user_requested_key: None | str
        user_requested_key = self.user_requested_key

        user_approved_key: None | str
        user_approved_key = self.user_approved_key

        currency_key: None | str
        currency_key = self.currency_key

        terms: None | str
        terms = self.terms

        shipping_method: None | str
        shipping_method = self.shipping_method

        billing_address: dict[str, Any] | None
        if isinstance(self.billing_address, PurchaseOrderBillingAddressType0):
            billing_address = self.billing_address.to_dict()
        else:
            billing_address = self.billing_address

        shipment_address: dict[str, Any] | None
        if isinstance(self.shipment_address, PurchaseOrderShipmentAddressType0):
            shipment_address = self.shipment_address.to_dict()
        else:
            shipment_address = self.shipment_address

        delivery_address: dict[str, Any] | None
        if isinstance(self.delivery_address, PurchaseOrderDeliveryAddressType0):
            delivery_address = self.delivery_address.to_dict()
        else:
            delivery_address = self.delivery_address

        total_net_value: None | str
        total_net_value = self.total_net_value

        total_tax_value: None | str
        total_tax_value = self.total_tax_value

        total_gross_value: None | str
        total_gross_value = self.total_gross_value

        notes: None | str
        notes = self.notes

        line_items = []
        for line_items_item_data in self.line_items:
            line_items_item = line_items_item_data.to_dict()
            line_items.append(line_items_item)

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
        elif isinstance(self.raw, PurchaseOrderRawType0):
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
                "orderNo": order_no,
                "title": title,
                "description": description,
                "status": status,
                "statusKey": status_key,
                "orderDate": order_date,
                "dueAt": due_at,
                "approvedAt": approved_at,
                "completedAt": completed_at,
                "shipmentDate": shipment_date,
                "deliveryAt": delivery_at,
                "vendorKey": vendor_key,
                "vendorCode": vendor_code,
                "vendorName": vendor_name,
                "organizationKey": organization_key,
                "siteKey": site_key,
                "locationKey": location_key,
                "userRequestedKey": user_requested_key,
                "userApprovedKey": user_approved_key,
                "currencyKey": currency_key,
                "terms": terms,
                "shippingMethod": shipping_method,
                "billingAddress": billing_address,
                "shipmentAddress": shipment_address,
                "deliveryAddress": delivery_address,
                "totalNetValue": total_net_value,
                "totalTaxValue": total_tax_value,
                "totalGrossValue": total_gross_value,
                "notes": notes,
                "lineItems": line_items,
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
        from ..models.purchase_order_billing_address_type_0 import PurchaseOrderBillingAddressType0  # noqa: PLC0415
        from ..models.purchase_order_custom_fields import PurchaseOrderCustomFields  # noqa: PLC0415
        from ..models.purchase_order_delivery_address_type_0 import PurchaseOrderDeliveryAddressType0  # noqa: PLC0415
        from ..models.purchase_order_line_items_item import PurchaseOrderLineItemsItem  # noqa: PLC0415
        from ..models.purchase_order_raw_type_0 import PurchaseOrderRawType0  # noqa: PLC0415
        from ..models.purchase_order_shipment_address_type_0 import PurchaseOrderShipmentAddressType0  # noqa: PLC0415

        d = dict(src_dict)
        key = d.pop("key")

        def _parse_order_no(data: object) -> None | str:
            if data is None:
                return data
            return cast(None | str, data)

        order_no = _parse_order_no(d.pop("orderNo"))

        def _parse_title(data: object) -> None | str:
            if data is None:
                return data
            return cast(None | str, data)

        title = _parse_title(d.pop("title"))

        def _parse_description(data: object) -> None | str:
            if data is None:
                return data
            return cast(None | str, data)

        description = _parse_description(d.pop("description"))

        def _parse_status(data: object) -> None | PurchaseOrderStatusType1:
            if data is None:
                return data
            try:
                if not isinstance(data, str):
                    raise TypeError()
                status_type_1 = PurchaseOrderStatusType1(data)

                return status_type_1
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(None | PurchaseOrderStatusType1, data)

        status = _parse_status(d.pop("status"))

        def _parse_status_key(data: object) -> None | str:
            if data is None:
                return data
            return cast(None | str, data)

        status_key = _parse_status_key(d.pop("statusKey"))

        def _parse_order_date(data: object) -> datetime.date | None:
            if data is None:
                return data
            try:
                if not isinstance(data, str):
                    raise TypeError()
                order_date_type_0 = datetime.date.fromisoformat(data)

                return order_date_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(datetime.date | None, data)

        order_date = _parse_order_date(d.pop("orderDate"))

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

        def _parse_approved_at(data: object) -> datetime.datetime | None:
            if data is None:
                return data
            try:
                if not isinstance(data, str):
                    raise TypeError()
                approved_at_type_0 = datetime.datetime.fromisoformat(data)

                return approved_at_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(datetime.datetime | None, data)

        approved_at = _parse_approved_at(d.pop("approvedAt"))

        def _parse_completed_at(data: object) -> datetime.datetime | None:
            if data is None:
                return data
            try:
                if not isinstance(data, str):
                    raise TypeError()
                completed_at_type_0 = datetime.datetime.fromisoformat(data)

                return completed_at_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(datetime.datetime | None, data)

        completed_at = _parse_completed_at(d.pop("completedAt"))

        def _parse_shipment_date(data: object) -> datetime.date | None:
            if data is None:
                return data
            try:
                if not isinstance(data, str):
                    raise TypeError()
                shipment_date_type_0 = datetime.date.fromisoformat(data)

                return shipment_date_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(datetime.date | None, data)

        shipment_date = _parse_shipment_date(d.pop("shipmentDate"))

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

        def _parse_vendor_key(data: object) -> None | str:
            if data is None:
                return data
            return cast(None | str, data)

        vendor_key = _parse_vendor_key(d.pop("vendorKey"))

        def _parse_vendor_code(data: object) -> None | str:
            if data is None:
                return data
            return cast(None | str, data)

        vendor_code = _parse_vendor_code(d.pop("vendorCode"))

        def _parse_vendor_name(data: object) -> None | str:
            if data is None:
                return data
            return cast(None | str, data)

        vendor_name = _parse_vendor_name(d.pop("vendorName"))

        def _parse_organization_key(data: object) -> None | str:
            if data is None:
                return data
            return cast(None | str, data)

        organization_key = _parse_organization_key(d.pop("organizationKey"))

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

        def _parse_user_requested_key(data: object) -> None | str:
            if data is None:
                return data
            return cast(None | str, data)

        user_requested_key = _parse_user_requested_key(d.pop("userRequestedKey"))

        def _parse_user_approved_key(data: object) -> None | str:
            if data is None:
                return data
            return cast(None | str, data)

        user_approved_key = _parse_user_approved_key(d.pop("userApprovedKey"))

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

        def _parse_shipping_method(data: object) -> None | str:
            if data is None:
                return data
            return cast(None | str, data)

        shipping_method = _parse_shipping_method(d.pop("shippingMethod"))

        def _parse_billing_address(data: object) -> None | PurchaseOrderBillingAddressType0:
            if data is None:
                return data
            try:
                if not isinstance(data, dict):
                    raise TypeError()
                billing_address_type_0 = PurchaseOrderBillingAddressType0.from_dict(data)

                return billing_address_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(None | PurchaseOrderBillingAddressType0, data)

        billing_address = _parse_billing_address(d.pop("billingAddress"))

        def _parse_shipment_address(data: object) -> None | PurchaseOrderShipmentAddressType0:
            if data is None:
                return data
            try:
                if not isinstance(data, dict):
                    raise TypeError()
                shipment_address_type_0 = PurchaseOrderShipmentAddressType0.from_dict(data)

                return shipment_address_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(None | PurchaseOrderShipmentAddressType0, data)

        shipment_address = _parse_shipment_address(d.pop("shipmentAddress"))

        def _parse_delivery_address(data: object) -> None | PurchaseOrderDeliveryAddressType0:
            if data is None:
                return data
            try:
                if not isinstance(data, dict):
                    raise TypeError()
                delivery_address_type_0 = PurchaseOrderDeliveryAddressType0.from_dict(data)

                return delivery_address_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(None | PurchaseOrderDeliveryAddressType0, data)

        delivery_address = _parse_delivery_address(d.pop("deliveryAddress"))

        def _parse_total_net_value(data: object) -> None | str:
            if data is None:
                return data
            return cast(None | str, data)

        total_net_value = _parse_total_net_value(d.pop("totalNetValue"))

        def _parse_total_tax_value(data: object) -> None | str:
            if data is None:
                return data
            return cast(None | str, data)

        total_tax_value = _parse_total_tax_value(d.pop("totalTaxValue"))

        def _parse_total_gross_value(data: object) -> None | str:
            if data is None:
                return data
            return cast(None | str, data)

        total_gross_value = _parse_total_gross_value(d.pop("totalGrossValue"))

        def _parse_notes(data: object) -> None | str:
            if data is None:
                return data
            return cast(None | str, data)

        notes = _parse_notes(d.pop("notes"))

        line_items = []
        _line_items = d.pop("lineItems")
        for line_items_item_data in _line_items:
            line_items_item = PurchaseOrderLineItemsItem.from_dict(line_items_item_data)

            line_items.append(line_items_item)

        custom_fields = PurchaseOrderCustomFields.from_dict(d.pop("customFields"))

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

        def _parse_raw(data: object) -> None | PurchaseOrderRawType0 | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            try:
                if not isinstance(data, dict):
                    raise TypeError()
                raw_type_0 = PurchaseOrderRawType0.from_dict(data)

                return raw_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(None | PurchaseOrderRawType0 | Unset, data)

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

        purchase_order = cls(
            key=key,
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

        return purchase_order

"""What the applications check: the refusals that a client of a real system has to live with."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from decimal import Decimal
from typing import Any

from tests.sap_odata.company import FOREVER, PHASES, Company
from tests.sap_odata.errors import Detail, Refused, business
from tests.sap_odata.tables import Record
from tests.sap_odata.writing import Draft, Rules

_ORDER_NEEDS = ("CompanyCode", "PurchaseOrderType", "Supplier", "PurchasingOrganization", "PurchasingGroup")
_CURRENCIES = {"EUR", "USD", "JPY", "GBP", "CHF"}


def not_open_elsewhere(company: Company, object_: str, number: str) -> None:
    if (object_, number) in company.locks:
        user = company.locks[object_, number]
        code = "ME/006" if object_ == "purchase_order" else "CO/469"
        text = f"{user} is processing {object_.replace('_', ' ')} {number}"
        raise Refused(400, code, text, Detail(code, text))


# --- purchase orders


def create_order(company: Company, draft: Draft, user: str) -> None:
    order = draft.record
    missing = [name for name in _ORDER_NEEDS if not order[name]]
    if missing:
        details = [Detail("ME/083", f"Enter {name}", target=name) for name in missing]
        raise Refused(400, "ME/083", details[0].text, *details)
    supplier = company["A_SupplierType"].get((order["Supplier"],))
    if supplier is None:
        raise business("06/321", f"Supplier {order['Supplier']} does not exist", "Supplier")
    if supplier["PurchasingIsBlocked"]:
        raise business("06/027", f"Supplier {order['Supplier']} is blocked for purchasing", "Supplier")
    order.setdefault("DocumentCurrency", "EUR")
    if order["DocumentCurrency"] not in _CURRENCIES:
        raise business("E!/105", f"Currency {order['DocumentCurrency']} does not exist", "DocumentCurrency")
    items = draft.below.get("to_PurchaseOrderItem", [])
    if not items:
        raise business("ME/062", "Purchase order has no items", "to_PurchaseOrderItem")
    order["PurchaseOrder"] = company.number("order")
    stamp = company.stamp()
    order.setdefault(
        "PurchaseOrderDate", stamp.replace(tzinfo=None, hour=0, minute=0, second=0, microsecond=0)
    )
    order.update(
        CreationDate=order["PurchaseOrderDate"],
        LastChangeDateTime=stamp,
        CreatedByUser=user,
        PurchasingProcessingStatus="02",
    )
    for number, item in enumerate(items, 1):
        _complete_item(company, order, item, number)
    for note in draft.below.get("to_PurchaseOrderNote", []):
        note.record["PurchaseOrder"] = order["PurchaseOrder"]


def _complete_item(company: Company, order: Record, draft: Draft, number: int) -> None:
    item = draft.record
    item["PurchaseOrder"] = order["PurchaseOrder"]
    item.setdefault("PurchaseOrderItem", str(number * 10))
    place = item["PurchaseOrderItem"]
    if not item["Plant"]:
        raise business("ME/083", f"Enter Plant for item {place}", "Plant")
    if item["Material"] and company["A_ProductType"].get((item["Material"],)) is None:
        raise business(
            "M3/305", f"The material {item['Material']} does not exist or is not activated", "Material"
        )
    if item["OrderQuantity"] <= 0:
        raise business("06/055", f"Enter a quantity for item {place}", "OrderQuantity")
    product = company["A_ProductType"].get((item["Material"],))
    if product is not None:
        item.setdefault("PurchaseOrderItemText", f"Trading good {item['Material']}")
        item.setdefault("PurchaseOrderQuantityUnit", product["BaseUnit"])
    item.setdefault("NetPriceQuantity", Decimal(1))
    item.update(DocumentCurrency=order["DocumentCurrency"])
    lines = draft.below.setdefault("to_ScheduleLine", [])
    if not lines:
        day = order["PurchaseOrderDate"] + timedelta(days=10)
        line = company.record(
            "A_PurchaseOrderScheduleLineType",
            ScheduleLineDeliveryDate=day,
            ScheduleLineOrderQuantity=item["OrderQuantity"],
        )
        lines.append(Draft(line))
    for at, line in enumerate(lines, 1):
        line.record.update(PurchasingDocument=order["PurchaseOrder"], PurchasingDocumentItem=place)
        line.record.setdefault("ScheduleLine", str(at))
    for at, assignment in enumerate(draft.below.get("to_AccountAssignment", []), 1):
        assignment.record.update(PurchaseOrder=order["PurchaseOrder"], PurchaseOrderItem=place)
        assignment.record.setdefault("AccountAssignmentNumber", str(at))


def change_order(company: Company, order: Record, values: Mapping[str, Any], user: str) -> None:
    del user
    not_open_elsewhere(company, "purchase_order", order["PurchaseOrder"])
    if order["PurchasingDocumentDeletionCode"]:
        raise business("06/115", f"Purchase order {order['PurchaseOrder']} is deleted")
    if order["PurchasingProcessingStatus"] == "05" and values.keys() & {
        "Supplier",
        "DocumentCurrency",
        "CompanyCode",
    }:
        raise business(
            "MEPO/822", f"Purchase order {order['PurchaseOrder']} is released: it cannot be changed"
        )
    order["LastChangeDateTime"] = company.stamp()


def change_below_order(company: Company, record: Record, values: Mapping[str, Any], user: str) -> None:
    number = (
        record["PurchasingDocument"]
        if "PurchasingDocument" in record.type.properties
        else record["PurchaseOrder"]
    )
    order = company["A_PurchaseOrderType"].get((number,))
    assert order is not None
    change_order(company, order, {}, user)
    if values.get("OrderQuantity", 1) <= 0:
        raise business("06/055", "Enter a quantity", "OrderQuantity")


def create_item(company: Company, draft: Draft, user: str) -> None:
    order = company["A_PurchaseOrderType"].get((draft.record["PurchaseOrder"],))
    if order is None:
        raise business("06/019", f"Purchase order {draft.record['PurchaseOrder']} does not exist")
    change_order(company, order, {}, user)
    count = len(company["A_PurchaseOrderItemType"].where(PurchaseOrder=order["PurchaseOrder"]))
    _complete_item(company, order, draft, count + 1)


def remove_item(company: Company, item: Record, user: str) -> None:
    """An item is marked, never gone."""
    change_below_order(company, item, {}, user)
    item["PurchasingDocumentDeletionCode"] = "L"
    company["A_PurchaseOrderItemType"].touched()


def remove_order(company: Company, order: Record, user: str) -> None:
    change_order(company, order, {}, user)
    order["PurchasingDocumentDeletionCode"] = "L"
    company["A_PurchaseOrderType"].touched()


# --- maintenance orders


def create_work_order(company: Company, draft: Draft, user: str) -> None:
    order = draft.record
    for name in ("MaintenanceOrderType", "MaintenanceOrderDesc", "MaintenancePlanningPlant"):
        if not order[name]:
            raise business("IW/001", f"Enter {name}", name)
    if order["Equipment"] and company["EquipmentType"].get((order["Equipment"], FOREVER)) is None:
        raise business("IE/001", f"Equipment {order['Equipment']} does not exist", "Equipment")
    order["MaintenanceOrder"] = company.number("work_order")
    order.update(
        SystemStatusText="CRTD MANC NMAT PRC", MaintOrdProcessPhaseCode=PHASES["CRTD"], CreatedByUser=user,
        LastChangeDateTime=company.stamp().replace(microsecond=0),
    )  # fmt: skip
    order.setdefault("MainWorkCenter", "RES-0100")
    operations = draft.below.setdefault("to_MaintenanceOrderOperation", [])
    if not operations:
        operations.append(
            Draft(
                company.record(
                    "MaintenanceOrderOperationType", OperationDescription=order["MaintenanceOrderDesc"]
                )
            )
        )
    for number, operation in enumerate(operations, 1):
        operation.record.update(MaintenanceOrder=order["MaintenanceOrder"], MaintenanceOrderSubOperation="")
        operation.record.setdefault("MaintenanceOrderOperation", f"{number * 10:04}")
        for at, component in enumerate(operation.below.get("to_MaintOrderOpComponent", []), 1):
            component.record.update(
                MaintenanceOrder=order["MaintenanceOrder"], MaintenanceOrderSubOperation="",
                MaintenanceOrderOperation=operation.record["MaintenanceOrderOperation"],
            )  # fmt: skip
            component.record.setdefault("MaintenanceOrderComponent", f"{at * 10:04}")


def change_work_order(company: Company, order: Record, values: Mapping[str, Any], user: str) -> None:
    del values, user
    not_open_elsewhere(company, "maintenance_order", order["MaintenanceOrder"])
    if order["SystemStatusText"].split()[0] in {"TECO", "CLSD"}:
        raise business(
            "BS/007",
            f"Order {order['MaintenanceOrder']}: change is not allowed (ORD {order['MaintenanceOrder']})",
        )
    _stamp_work_order(company, order)


def _stamp_work_order(company: Company, order: Record) -> None:
    later = order["LastChangeDateTime"] + timedelta(seconds=1)  # the service keeps whole seconds
    order["LastChangeDateTime"] = max(later, company.stamp().replace(microsecond=0))


def change_below_work_order(company: Company, record: Record, values: Mapping[str, Any], user: str) -> None:
    order = company["MaintenanceOrderType"].get((record["MaintenanceOrder"],))
    assert order is not None
    change_work_order(company, order, values, user)


# --- business partners, equipment, functional locations, products


def create_partner(company: Company, draft: Draft, user: str) -> None:
    partner = draft.record
    if partner["BusinessPartnerCategory"] not in {"1", "2", "3"}:
        raise business("R11/657", "Enter a valid business partner category", "BusinessPartnerCategory")
    name = partner["OrganizationBPName1"] or partner["LastName"]
    if not name:
        raise business("R11/101", "Enter a name", "OrganizationBPName1")
    number = company.number("partner")
    stamp = company.stamp()
    partner.update(BusinessPartner=number, BusinessPartnerFullName=name, CreatedByUser=user)
    partner["CreationDate"] = stamp.replace(tzinfo=None, hour=0, minute=0, second=0, microsecond=0)
    roles = [each.record for each in draft.below.get("to_BusinessPartnerRole", [])]
    for role in roles:
        role["BusinessPartner"] = number
    for at, address in enumerate(draft.below.get("to_BusinessPartnerAddress", []), 1):
        _complete_address(address, number, f"{int(number) * 10 + at}")
    for tax in draft.below.get("to_BusinessPartnerTax", []):
        tax.record["BusinessPartner"] = number
    if any(role["BusinessPartnerRole"].startswith("FLVN") for role in roles):
        partner["Supplier"] = number
        suppliers = draft.below.setdefault("to_Supplier", [])
        if not suppliers:
            suppliers.append(Draft(company.record("A_SupplierType")))
        suppliers[0].record.update(Supplier=number, SupplierName=name, CreationDate=partner["CreationDate"])
        for nav in ("to_SupplierCompany", "to_SupplierPurchasingOrg"):
            for each in suppliers[0].below.get(nav, []):
                each.record["Supplier"] = number


def _complete_address(draft: Draft, partner: str, address: str) -> None:
    if not draft.record["Country"]:
        raise business("AM/239", "Enter a country", "Country")
    draft.record.update(BusinessPartner=partner, AddressID=address)
    for nav in ("to_EmailAddress", "to_PhoneNumber", "to_MobilePhoneNumber"):
        for at, each in enumerate(draft.below.get(nav, []), 1):
            each.record.update(AddressID=address, Person="", OrdinalNumber=f"{at:03}")


def change_partner(company: Company, partner: Record, values: Mapping[str, Any], user: str) -> None:
    del user, values
    not_open_elsewhere(company, "business_partner", partner["BusinessPartner"])
    stamp = company.stamp().replace(tzinfo=None)
    partner["LastChangeDate"] = stamp.replace(hour=0, minute=0, second=0, microsecond=0)
    partner["LastChangeTime"] = stamp.time().replace(microsecond=0)


def change_supplier(company: Company, supplier: Record, values: Mapping[str, Any], user: str) -> None:
    del values, user
    not_open_elsewhere(company, "supplier", supplier["Supplier"])


def create_equipment(company: Company, draft: Draft, user: str) -> None:
    equipment = draft.record
    if not equipment["EquipmentCategory"]:
        raise business("IE/050", "Enter an equipment category", "EquipmentCategory")
    equipment.update(Equipment=company.number("equipment"), ValidityEndDate=FOREVER, CreatedByUser=user)
    equipment["LastChangeDateTime"] = company.stamp().replace(microsecond=0)


def change_technical_object(company: Company, record: Record, values: Mapping[str, Any], user: str) -> None:
    del values, user
    not_open_elsewhere(company, "equipment", record.key[0])
    if record.type.name == "EquipmentType" and record["ValidityEndDate"] != FOREVER:
        raise business("IE/148", "A past usage period cannot be changed", "ValidityEndDate")
    _stamp_work_order(company, record)


def change_product(company: Company, record: Record, values: Mapping[str, Any], user: str) -> None:
    del values, user
    product = company["A_ProductType"].get((record["Product"],))
    assert product is not None
    not_open_elsewhere(company, "product", product["Product"])
    product["LastChangeDateTime"] = company.stamp()


RULES = Rules(
    creating={
        "A_PurchaseOrderType": create_order,
        "A_PurchaseOrderItemType": create_item,
        "MaintenanceOrderType": create_work_order,
        "A_BusinessPartnerType": create_partner,
        "EquipmentType": create_equipment,
    },
    changing={
        "A_PurchaseOrderType": change_order,
        "A_PurchaseOrderItemType": change_below_order,
        "A_PurchaseOrderScheduleLineType": change_below_order,
        "MaintenanceOrderType": change_work_order,
        "MaintenanceOrderOperationType": change_below_work_order,
        "A_BusinessPartnerType": change_partner,
        "A_SupplierType": change_supplier,
        "EquipmentType": change_technical_object,
        "FunctionalLocationType": change_technical_object,
        "A_ProductType": change_product,
        "A_ProductDescriptionType": change_product,
    },
    removing={"A_PurchaseOrderType": remove_order, "A_PurchaseOrderItemType": remove_item},
)

"""What names usually mean: tables of entities, their line sets, and columns of fields. Data.

A phrase is words as `words_of` makes them; the first of a field's phrases is the surest.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from agent.proposing.words import word_set

Phrases = tuple[tuple[str, ...], ...]


def _phrases(text: str) -> Phrases:
    return tuple(tuple(phrase.split()) for phrase in text.split("|"))


# Names of header tables; words around them that say nothing are in NOISE.
TABLES: Final[Mapping[str, Phrases]] = {
    "purchase_order": _phrases("purchase order|procurement order|bestellung"),
    "work_order": _phrases("work order|maintenance order|production order|manufacturing order|job order|job"),
    "inventory_item": _phrases("product|item|material|part|article|inventory item|stock item"),
    "vendor": _phrases("vendor|lieferant"),
    "asset": _phrases("asset|equipment|machine"),
}
STREAMS: Final[Mapping[str, str]] = {
    "purchase_order": "purchase_orders",
    "work_order": "work_orders",
    "inventory_item": "inventory_items",
    "vendor": "vendors",
    "asset": "assets",
}
NOISE: Final = word_set("header master tbl table data main dim record t list fixed base")

# Line sets by the model's list: words of which the line table's name has one, beside those of its header.
LINES: Final[Mapping[str, Mapping[str, frozenset[str]]]] = {
    "purchase_order": {"lineItems": word_set("line detail item position row")},
    "work_order": {
        "tasks": word_set("operation task routing step activity"),
        "materials": word_set("material component part item reservation"),
        "resources": word_set("labor resource employee crew"),
    },
    "inventory_item": {
        "stocks": word_set("inventory stock warehouse bin storeroom balance"),
        "supplyOptions": word_set("vendor supply sourcing"),
    },
    "vendor": {"addresses": word_set("address site location")},
    "asset": {},
}

_MOMENTS: Final = {
    "createdAt": "created at|created date|create date|creation date|created|date created|entry date",
    "updatedAt": "modified date|updated at|modified at|changed at|last modified|update date|change date|updated|modified"
    "|last updated|last changed",
}
_ADDRESS: Final = {
    "city": "city|town",
    "postCode": "postal code|post code|postal",
    "country": "country|country code|country region|country region code",
    "state": "state|province|state province|region",
    "phone": "phone|phone number",
    "email": "email|email address",
    "addressee": "name|addressee|contact name",
}
FIELDS: Final[Mapping[str, Mapping[str, Phrases]]] = {
    entity: {field: _phrases(text) for field, text in {**own, **_MOMENTS}.items()}
    for entity, own in {
        "purchase_order": {
            "orderNo": "purchase order number|order number|document number|number|code|reference",
            "title": "title|subject",
            "description": "description|text|header text",
            "statusKey": "status|state|order status|status code|status id",
            "orderDate": "order date|document date|purchase date|date ordered|date",
            "dueAt": "due date|required date|needed date|due at",
            "shipmentDate": "ship date|shipment date|shipping date",
            "deliveryAt": "delivery date|delivered date|expected date|promised date",
            "approvedAt": "approved date|approved at|approval date",
            "completedAt": "completed date|completed at|closed date|close date",
            "vendorKey": "vendor id|vendor|vendor number|vendor code|vendor key",
            "vendorName": "vendor name",
            "siteKey": "site|site id|plant|plant id",
            "locationKey": "location|location id",
            "userRequestedKey": "requested by|requester|employee id|buyer|buyer id|created by",
            "userApprovedKey": "approved by|approver|approver id",
            "currencyKey": "currency|currency code|currency id",
            "terms": "payment term|term|term code|payment term code",
            "shippingMethod": "ship method|shipping method|shipment method|ship method id",
            "totalNetValue": "sub total|net amount|net value|net total",
            "totalTaxValue": "tax amount|tax total|total tax|tax",
            "totalGrossValue": "total due|gross amount|total amount|grand total|total value|total",
            "notes": "note|remark|comment",
        },
        "work_order": {
            "code": "work order number|order number|job number|number|code",
            "title": "title|subject|name|short text",
            "description": "description|text|problem description",
            "type": "type|order type|work type|category",
            "statusKey": "status|state|order status|status code|status id",
            "severity": "priority|severity",
            "assetKey": "asset id|asset|equipment id|equipment|machine id|machine|asset number|equipment number",
            "locationKey": "location|location id|location code",
            "siteKey": "site|site id|plant|plant id",
            "teamKey": "team|team id|crew|crew id",
            "laborAssignedKey": "assigned to|assigned employee|employee id|labor id|assigned user",
            "estimatedTime": "estimated hour|planned hour|estimated time|planned time|estimated labor",
            "actualTime": "actual hour|actual time|actual labor",
            "scheduledAt": "scheduled date|scheduled start|planned start|planned date|plan start date",
            "dueAt": "due date|required date|finish by date|planned end",
            "approvedAt": "approved date|approved at",
            "startedAt": "start date|started at|actual start|started date|start",
            "completedAt": "end date|completed date|finished date|completed at|actual end|finish date|closed date",
            "notes": "note|remark|comment",
        },
        "inventory_item": {
            "code": "product number|item number|material number|part number|article number|number|code|sku",
            "partNumber": "manufacturer part number|part number|maker part number|model number",
            "name": "name|product name|item name|short description|title",
            "description": "description|long description|text",
            "type": "type|item type|class|product type",
            "isActive": "active|is active|active flag|enabled",
            "uomKey": "unit|unit measure|unit of measure|base unit|unit code|unit measure code|stock unit",
            "manufacturerName": "manufacturer|manufacturer name|maker|make",
            "categoryName": "category|category name|product line|item group|group|family",
            "criticality": "criticality",
            "notes": "note|remark|comment",
        },
        "vendor": {
            "code": "account number|vendor number|vendor code|number|code|vendor account",
            "name": "name|vendor name|company name|name 1",
            "legalName": "legal name|full name",
            "taxNumber": "tax number|vat number|tax id|vat id|vat registration number",
            "isActive": "active|is active|active flag|enabled",
            "isBlocked": "blocked|is blocked|on hold|hold",
            "currencyKey": "currency|currency code|currency id",
            "terms": "payment term|term|term code|payment term code",
            "emailAddress": "email|email address",
            "phone": "phone|phone number",
            "website": "web site|website|url|home page|web service url|purchasing web service url",
            "notes": "note|remark|comment",
        },
        "asset": {
            "code": "asset number|equipment number|asset code|machine number|number|code|tag",
            "name": "name|asset name|title|short description",
            "description": "description|long description|text",
            "parentKey": "parent|parent id|parent asset|parent number",
            "type": "type|asset type|class|equipment type",
            "isActive": "active|is active|active flag|enabled",
            "statusKey": "status|state|asset status|status code",
            "serialNumber": "serial number|serial",
            "makeName": "manufacturer|make|maker|manufacturer name",
            "modelName": "model|model number|model name",
            "categoryName": "category|category name|group",
            "criticality": "criticality|priority",
            "siteKey": "site|site id|plant|plant id",
            "locationKey": "location|location id|location code|functional location",
            "vendorKey": "vendor id|vendor|vendor number|vendor code",
            "purchasedAt": "purchase date|purchased date|acquisition date|purchased at",
            "activatedAt": "installed date|install date|in service date|start date|commissioned date",
            "deactivatedAt": "retired date|disposal date|end date|scrapped date",
            "purchaseCost": "purchase cost|purchase price|acquisition cost|cost",
            "currencyKey": "currency|currency code",
            "notes": "note|remark|comment",
        },
    }.items()
}
LINE_FIELDS: Final[Mapping[str, Mapping[str, Phrases]]] = {
    name: {field: _phrases(text) for field, text in own.items()}
    for name, own in {
        "lineItems": {
            "lineNo": "line number|line|position|sequence|line id|detail id",
            "code": "item code|product code|material code",
            "name": "name|item name|short text",
            "description": "description|text|line description",
            "materialKey": "product id|item id|material id|part id|product|material|item|item number|part number|material number"
            "|product number",
            "assetKey": "asset id|asset|equipment id",
            "accountKey": "account|account number|account id|cost center",
            "quantity": "order quantity|quantity|quantity ordered|ordered quantity",
            "receivedQuantity": "received quantity|quantity received|delivered quantity|stocked quantity",
            "uomKey": "unit|unit measure|unit code|unit of measure|unit measure code",
            "price": "unit price|price|net price|unit cost",
            "discount": "discount|discount amount|line discount",
            "lineTaxValue": "tax amount|tax|line tax",
            "lineTotalValue": "line total|amount|line amount|net amount|extended price|total",
            "currencyKey": "currency|currency code",
            "dueAt": "due date|required date|needed date",
            "deliveryAt": "delivery date|promised date|expected date",
            "statusKey": "status|state|line status",
            "notes": "note|remark|comment",
        },
        "tasks": {
            "code": "operation number|task number|operation sequence|step number|sequence|number|code",
            "title": "title|name|short text",
            "description": "description|text",
            "priority": "priority",
        },
        "materials": {
            "materialKey": "product id|item id|material id|part id|component id|product|material|item|component",
            "requiredQuantity": "required quantity|planned quantity|quantity|order quantity",
            "usedQuantity": "used quantity|actual quantity|issued quantity|consumed quantity",
            "uomKey": "unit|unit measure|unit code",
            "storeroomKey": "storeroom|warehouse|warehouse id|storeroom id",
        },
        "resources": {
            "laborKey": "employee id|labor id|resource id|employee|craft",
            "estimatedTime": "estimated hour|planned hour|estimated time|hour",
            "registeredTime": "actual hour|registered hour|actual time|actual resource hour",
            "rate": "rate|hourly rate",
            "cost": "cost|actual cost|amount",
            "startedAt": "start date|started at|actual start date",
            "finishedAt": "end date|finished at|actual end date",
        },
        "stocks": {
            "siteKey": "site|site id|plant|plant id",
            "locationKey": "location id|location|location code",
            "storeroomKey": "warehouse|warehouse id|storeroom|warehouse code",
            "position": "bin|shelf|position|bin code",
            "quantity": "quantity|quantity on hand|on hand|stock|stock quantity|on hand quantity",
            "reservedQuantity": "reserved quantity|allocated quantity|reserved|allocated",
            "uomKey": "unit|unit measure|unit code",
            "unitCost": "unit cost|average cost|cost|standard cost",
            "minLevel": "minimum|minimum quantity|min level|safety stock",
            "maxLevel": "maximum|maximum quantity|max level",
            "reorderPoint": "reorder point|reorder level",
            "reorderQuantity": "reorder quantity|lot size",
        },
        "supplyOptions": {
            "vendorKey": "vendor id|vendor|vendor number|business entity id",
            "partNumber": "vendor part number|vendor item number|part number",
            "price": "standard price|price|last price|unit price|cost",
            "currencyKey": "currency|currency code",
            "uomKey": "unit|unit measure|unit code|unit measure code",
        },
        "addresses": _ADDRESS,
    }.items()
}
# The reference to a record of another stream, by what the foreign key leads to.
REFERENCES: Final[Mapping[str, str]] = {
    "vendor": "vendorKey",
    "inventory_item": "materialKey",
    "asset": "assetKey",
}
REQUIRED: Final[Mapping[str, str]] = {
    "purchase_order": "orderNo",
    "work_order": "code",
    "inventory_item": "code",
    "vendor": "name",
    "asset": "code",
}

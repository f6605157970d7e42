"""The metadata reader over published documents of SAP, and over what is none."""

from __future__ import annotations

from pathlib import Path

import pytest

from drivers.contract import BadConfiguration, MarkKind, SourceChanged
from drivers.odata.catalogue import tables_of
from drivers.odata.edm import Kind, Model
from drivers.odata.metadata import read_model
from drivers.odata.options import parse_stream
from drivers.odata.requests import choices
from drivers.odata.shape import projected, shape_of

# file: version, entity sets, function imports and actions
PUBLISHED = {
    "API_BUSINESS_PARTNER.v2.edmx": (2, 28, 0),
    "API_BUSINESS_PARTNER.v2.newer.edmx": (2, 52, 0),
    "API_EQUIPMENT.v2.edmx": (2, 8, 8),
    "API_FUNCTIONALLOCATION.v2.edmx": (2, 7, 6),
    "API_MAINTENANCEORDER.v2.alt.edmx": (2, 16, 29),
    "API_MAINTENANCEORDER.v2.edmx": (2, 16, 27),
    "API_MAINTNOTIFICATION.v2.edmx": (2, 5, 2),
    "API_MATERIAL_STOCK_SRV.v2.edmx": (2, 3, 0),
    "API_PRODUCT_SRV.v2.edmx": (2, 32, 0),
    "API_PURCHASEORDER_PROCESS_SRV.v2.edmx": (2, 8, 0),
    "CE_PURCHASEORDER_0001.v4.edmx": (4, 13, 1),
}


def published(shared_dir: Path, name: str) -> Model:
    path = shared_dir / "erp" / "sap" / "edmx" / name
    if not path.exists():
        pytest.skip("the published metadata of SAP is not beside the checkout")
    return read_model(path.read_bytes(), where="options.service")


@pytest.mark.parametrize("name", PUBLISHED)
def test_published_metadata_is_read_whole(shared_dir: Path, name: str) -> None:
    model = published(shared_dir, name)

    assert (model.version, len(model.sets), len(model.routines)) == PUBLISHED[name]
    for entity_set in model.sets:
        type_ = model.type_of(entity_set)
        assert type_.key
        assert set(type_.key) <= set(type_.properties)
        assert all(each.target in model.types for each in type_.navigations.values())
        assert all(each.kind is not Kind.OTHER or each.complex for each in type_.properties.values())
    assert len({table.name for table in tables_of(model, "")}) == len(model.sets)


def test_a_purchase_order_of_v2_with_lines_and_schedule(shared_dir: Path) -> None:
    model = published(shared_dir, "API_PURCHASEORDER_PROCESS_SRV.v2.edmx")
    options = parse_stream(
        "orders",
        {
            "entity_set": "A_PurchaseOrder",
            "replication_key": "LastChangeDateTime",
            "lines": {
                "items": {"expand": "to_PurchaseOrderItem"},
                "schedule": {"expand": "to_PurchaseOrderItem/to_ScheduleLine"},
            },
        },
    )

    shape = shape_of("orders", options, model, service="")
    narrow = projected(shape, ["Supplier", "items.OrderQuantity", "schedule.ScheduleLineDeliveryDate"])

    assert [each.name for each in shape.key] == ["PurchaseOrder"]
    assert shape.mark_kind is MarkKind.TIMESTAMP
    assert choices(narrow.tree, 2)["$expand"] == "to_PurchaseOrderItem/to_ScheduleLine"
    assert set(choices(narrow.tree, 2)["$select"].split(",")) >= {
        "PurchaseOrder",
        "Supplier",
        "LastChangeDateTime",
        "to_PurchaseOrderItem/OrderQuantity",
        "to_PurchaseOrderItem/to_ScheduleLine/ScheduleLineDeliveryDate",
    }


def test_what_sap_says_of_writing_is_known(shared_dir: Path) -> None:
    stock = published(shared_dir, "API_MATERIAL_STOCK_SRV.v2.edmx").sets["A_MatlStkInAcctMod"]
    orders = published(shared_dir, "API_PURCHASEORDER_PROCESS_SRV.v2.edmx")

    assert not stock.creatable
    assert not stock.updatable
    assert orders.sets["A_PurchaseOrder"].creatable
    assert not orders.type_of("A_PurchaseOrder").properties["CreatedByUser"].updatable


BOMB = b"""<?xml version="1.0"?><!DOCTYPE lolz [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;">]>
<edmx:Edmx Version="1.0" xmlns:edmx="x"><Schema>&b;</Schema></edmx:Edmx>"""
EXTERNAL = b"""<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]><Edmx Version="4.0"><Schema>&e;</Schema></Edmx>"""


@pytest.mark.parametrize(
    "document",
    [b"", b"<html><body>Logon</body></html>", b"{}", BOMB, EXTERNAL, b"<Edmx/>", b"<a>" * 10, b"\xff\xfe<", b'<?xml version="1.0" encoding="nonsense"?><Edmx/>'],
)  # fmt: skip
def test_what_is_no_metadata_is_refused(document: bytes) -> None:
    with pytest.raises(SourceChanged):
        read_model(document, where="options.service")


INHERITED = b"""<edmx:Edmx Version="4.0" xmlns:edmx="http://docs.oasis-open.org/odata/ns/edmx"><edmx:DataServices>
<Schema Namespace="Long.Name" Alias="S" xmlns="http://docs.oasis-open.org/odata/ns/edm">
<EntityType Name="Base" Abstract="true"><Key><PropertyRef Name="Id"/></Key><Property Name="Id" Type="Edm.Guid" Nullable="false"/></EntityType>
<EntityType Name="Loop" BaseType="S.Loop"><Property Name="X" Type="Edm.String"/></EntityType>
<ComplexType Name="Place"><Property Name="City" Type="Edm.String"/></ComplexType>
<EnumType Name="Colour"><Member Name="Red"/></EnumType>
<TypeDefinition Name="Money" UnderlyingType="Edm.Decimal"/>
<EntityType Name="Order" BaseType="S.Base"><Property Name="Total" Type="S.Money"/><Property Name="Colour" Type="S.Colour"/>
<Property Name="Home" Type="S.Place"/><Property Name="Places" Type="Collection(S.Place)"/><Property Name="Tags" Type="Collection(Edm.String)"/>
<NavigationProperty Name="Lines" Type="Collection(S.Order)"/><NavigationProperty Name="One" Type="S.Order"/></EntityType>
<Action Name="Release" IsBound="true"><Parameter Name="it" Type="S.Order"/><Parameter Name="Why" Type="Edm.String"/></Action>
<EntityContainer Name="C"><EntitySet Name="Orders" EntityType="S.Order"><Annotation Term="Org.OData.Capabilities.V1.DeleteRestrictions"><Record><PropertyValue Property="Deletable" Bool="false"/></Record></Annotation></EntitySet></EntityContainer>
</Schema></edmx:DataServices></edmx:Edmx>"""


def test_inheritance_aliases_and_the_types_of_v4() -> None:
    model = read_model(INHERITED, where="")
    type_ = model.type_of("Orders")

    assert type_.key == ("Id",)
    assert {name: each.kind for name, each in type_.properties.items()} == {
        "Id": Kind.GUID,
        "Total": Kind.DECIMAL,
        "Colour": Kind.ENUM,
        "Home": Kind.OTHER,
        "Places": Kind.OTHER,
        "Tags": Kind.TEXT,
    }
    assert type_.properties["Home"].complex
    assert type_.properties["Places"].collection
    assert (type_.navigations["Lines"].many, type_.navigations["One"].many) == (True, False)
    assert not model.sets["Orders"].deletable
    assert [each.name for each in model.routines["Long.Name.Order/Release"].parameters] == ["Why"]
    (table,) = tables_of(model, "svc")
    assert [column.name for column in table.columns] == [
        "Id",
        "Total",
        "Colour",
        "Home/City",
        "Places",
        "Tags",
    ]


def test_lines_that_are_a_collection_inside_the_record_are_selected_and_not_expanded() -> None:
    """Business One keeps DocumentLines so."""
    model = read_model(INHERITED, where="")
    lines = {"places": {"expand": "Places"}, "deeper": {"expand": "Lines/Places"}}
    options = parse_stream("orders", {"entity_set": "Orders", "lines": lines, "expand": ["One"]})

    shape = shape_of("orders", options, model, service="")
    narrow = projected(shape, ["Total", "Home/City", "One/Total", "places.City", "deeper.City"])

    assert choices(shape.tree, 4) == {"$expand": "One,Lines"}
    assert choices(narrow.tree, 4) == {
        "$select": "Id,Total,Home,Places",
        "$expand": "One($select=Total),Lines($select=Places)",
    }
    assert choices(narrow.tree, 2) == {
        "$select": "Id,Total,Home,Places,One/Total,Lines/Places",
        "$expand": "One,Lines",
    }


@pytest.mark.parametrize(
    ("options", "place"),
    [
        ({"entity_set": "Order"}, "entity_set"),
        ({"entity_set": "Orders", "key": ["Tags"]}, "key"),
        ({"entity_set": "Orders", "replication_key": "Colour"}, "replication_key"),
        ({"entity_set": "Orders", "expand": ["Lines"]}, "expand"),
        ({"entity_set": "Orders", "lines": {"l": {"expand": "One"}}}, "lines.l.expand"),
        (
            {"entity_set": "Orders", "lines": {"l": {"expand": "Places", "order_by": ["Town"]}}},
            "lines.l.order_by",
        ),
        (
            {"entity_set": "Orders", "lines": {"l": {"expand": "Lines", "order_by": ["Home"]}}},
            "lines.l.order_by",
        ),
        (
            {"entity_set": "Orders", "lines": {"l": {"entity_set": "Orders", "parent": ["Id", "Total"]}}},
            "lines.l.parent",
        ),
    ],
)
def test_a_name_that_the_service_does_not_have_is_told_with_its_place(
    options: dict[str, object], place: str
) -> None:
    model = read_model(INHERITED, where="")
    with pytest.raises((SourceChanged, BadConfiguration)) as caught:
        shape_of("s", parse_stream("s", options), model, service="")
    assert caught.value.where == f"streams.s.read.{place}"
    assert caught.value.hint


@pytest.mark.parametrize("length", ["\u00b2", "9" * 5_000, "max", "-1", ""])
def test_a_length_that_is_no_number_is_none(length: str) -> None:
    document = (
        '<Edmx Version="4.0"><Schema Namespace="n"><EntityType Name="T"><Property Name="P" Type="Edm.String" '
        f'MaxLength="{length}" Scale="{length}" Precision="{length}"/></EntityType></Schema></Edmx>'
    )

    (found,) = read_model(document.encode(), where="w").types["n.T"].properties.values()

    assert (found.max_length, found.precision, found.scale) == (None, None, None)

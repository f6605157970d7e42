"""Writing to Dynamics GP: the recipes of the profile, through the driver's own steps, by eConnect's procedures alone."""

from __future__ import annotations

import re
from typing import Any, cast

import pytest
import sqlglot
from sqlglot import exp

from agent.systems import profile
from drivers.contract import OperationKind, Outcome, OutcomeStatus, StreamSpec, WriteCommand
from drivers.odbc.dialects import SQLSERVER
from drivers.odbc.matrix import operations_of
from drivers.odbc.mentions import mentions_in
from drivers.odbc.names import with_names
from drivers.odbc.options import parse_connection
from drivers.odbc.transactions import CommitUnanswered
from drivers.odbc.writing import Writer
from drivers.recipes.scope import shortened
from tests.databases.econnect import PARAMETERS, Company, Session

pytest.importorskip("pyodbc", reason="unixODBC is not installed", exc_type=ImportError)

PROFILE = profile("dynamics-gp")
OPTIONS = parse_connection({"connection": {}, **PROFILE["options"]})
REFERENCE = shortened("c-1", 20, capitals=False)
ORDER = {
    "vendorKey": "ACME",
    "orderDate": "2026-03-01",
    "currencyKey": "Z-EUR",
    "lineItems": [
        {"materialKey": "100XLG", "quantity": "4", "price": "2.25", "uomKey": "Each", "dueAt": "2026-06-01"},
        {"materialKey": "PAINT", "quantity": "1.5", "price": "10", "name": "Red"},
    ],
}


def spec(name: str) -> StreamSpec:
    table = PROFILE["streams"][name]
    return with_names(StreamSpec(name, table["entity"], table["read"], write=table["write"]), OPTIONS)


class Office:
    """One company, and commands to it."""

    def __init__(self) -> None:
        self.company = Company()
        self.session = Session(self.company)
        self._writer = Writer(cast("Any", self.session), pause=lambda _: None)

    def command(
        self, kind: OperationKind, record: dict[str, Any], stream: str, reference: str = "c-1"
    ) -> WriteCommand:
        named = spec(stream)
        return WriteCommand(kind, named.entity, record, reference, named)

    def create(self, record: dict[str, Any], stream: str = "purchase_orders") -> Outcome:
        return self._writer.execute(self.command(OperationKind.CREATE, record, stream))

    def update(self, record: dict[str, Any], stream: str = "purchase_orders") -> Outcome:
        return self._writer.execute(self.command(OperationKind.UPDATE, record, stream, "c-2"))

    def find(self, record: dict[str, Any], stream: str = "purchase_orders") -> Outcome | None:
        return self._writer.find_effect(self.command(OperationKind.CREATE, record, stream))

    def called(self) -> list[str]:
        return [name for name, _ in self.company.calls]


@pytest.fixture
def office() -> Office:
    return Office()


def test_an_order_is_made_by_econnect_with_its_lines_and_their_total(office: Office) -> None:
    made = office.create(ORDER)

    assert (made.status, made.key, made.reference) == (OutcomeStatus.SUCCEEDED, "PO2072", "PO2072")
    assert office.called() == ["taGetPONextNumber", "taPoHdr", "taPoLine", "taPoLine", "taPoHdr"]
    assert office.company.rows(
        "select VENDORID, DOCDATE, CURNCYID, SUBTOTAL, CONFIRM1 from POP10100 where PONUMBER = 'PO2072'"
    ) == [("ACME", "2026-03-01", "Z-EUR", 24, REFERENCE)]
    assert office.company.rows(
        "select ORD, ITEMNMBR, QTYORDER, UNITCOST, REQDATE, ITEMDESC from POP10110 where PONUMBER = 'PO2072' order by 1"
    ) == [
        (16384, "100XLG", 4, 2.25, "2026-06-01", ""),
        (32768, "PAINT", 1.5, 10, "1900-01-01 00:00:00", "Red"),
    ]


def test_the_same_command_makes_no_second_order(office: Office) -> None:
    first, again = office.create(ORDER), office.create(ORDER)

    assert again.key == first.key
    assert office.called().count("taGetPONextNumber") == 1


def test_what_econnect_refuses_comes_with_its_number_and_its_text_and_nothing_is_made(office: Office) -> None:
    refused = office.create(ORDER | {"userRequestedKey": "NOBODY"})

    (message,) = refused.messages
    assert (refused.status, message.code) == (OutcomeStatus.FAILED, "50269")
    assert message.text == "eConnect 269 (taPoHdr): Buyer is not registered 269"
    assert office.company.rows("select 1 from POP10100 where PONUMBER = 'PO2072'") == []


def test_a_line_that_econnect_refuses_takes_the_whole_order_back(office: Office) -> None:
    lines = [ORDER["lineItems"][0], {"materialKey": "PAINT", "quantity": "0", "price": "1"}]  # type: ignore[index]

    refused = office.create(ORDER | {"lineItems": lines})

    assert refused.messages[0].text.startswith("eConnect 8003 (taPoLine, line 2): Quantity")
    assert office.company.rows("select 1 from POP10110 where PONUMBER = 'PO2072'") == []


def test_a_line_that_is_said_to_be_made_and_is_not_takes_the_whole_order_back(office: Office) -> None:
    office.company.silent = "PAINT"

    refused = office.create(ORDER)

    assert "no line was made" in refused.messages[0].text
    assert office.company.rows("select 1 from POP10100 where PONUMBER = 'PO2072'") == []


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"vendorKey": "ACME OF SOMEWHERE ELSE"}, "vendorKey"),
        ({"lineItems": [{"materialKey": "100XLG" + "x" * 40, "quantity": "1", "price": "1"}]}, "materialKey"),
    ],
)
def test_a_key_that_is_too_long_for_gp_never_becomes_another_one(
    office: Office, change: dict[str, Any], field: str
) -> None:
    refused = office.create(ORDER | change)

    assert (refused.status, refused.messages[0].code) == (OutcomeStatus.FAILED, "not_found")
    assert field in refused.messages[0].field
    assert office.called() == []


def test_an_order_whose_commit_was_not_answered_is_found_by_its_reference(office: Office) -> None:
    office.session.breaks_at_commit = True
    with pytest.raises(CommitUnanswered):
        office.create(ORDER)
    office.session.breaks_at_commit = False

    found = office.find(ORDER)

    assert found is not None
    assert (found.status, found.key, found.reference) == (OutcomeStatus.SUCCEEDED, "PO2072", "PO2072")
    office.company.tables.execute("insert into POP30100 select * from POP10100 where PONUMBER = 'PO2072'")
    office.company.tables.execute("delete from POP10100 where PONUMBER = 'PO2072'")
    moved = office.find(ORDER)
    assert moved is not None
    assert moved.key == "PO2072"


def test_a_change_of_a_line_keeps_what_it_does_not_name_and_brings_the_total_along(office: Office) -> None:
    office.create(ORDER)

    changed = office.update({"key": "PO2072", "lineItems": [{"lineNo": "16384", "quantity": "6"}]})

    assert changed.status is OutcomeStatus.SUCCEEDED, changed.messages
    assert office.company.rows(
        "select QTYORDER, UNITCOST, REQDATE, UOFM from POP10110 where PONUMBER = 'PO2072' and ORD = 16384"
    ) == [(6, 2.25, "2026-06-01", "Each")]
    assert office.company.rows("select SUBTOTAL, CONFIRM1 from POP10100 where PONUMBER = 'PO2072'") == [
        (28.5, REFERENCE)
    ]


@pytest.mark.parametrize(
    ("key", "line", "field"),
    [("PO0", "16384", "key"), ("PO1", "32768", "lineItems"), ("PO1", "7", "lineItems"), ("PO9", "1", "key")],
    ids=["in-history", "received-line", "no-such-line", "no-such-order"],
)
def test_what_is_not_open_any_more_is_refused_before_econnect_is_asked(
    office: Office, key: str, line: str, field: str
) -> None:
    refused = office.update({"key": key, "lineItems": [{"lineNo": line, "quantity": "6"}]})

    assert (refused.status, refused.messages[0].code) == (OutcomeStatus.FAILED, "not_open")
    assert refused.messages[0].field.startswith(field)
    assert office.called() == []


def test_a_vendor_is_made_and_changed(office: Office) -> None:
    made = office.create({"code": "NUTS", "name": "Nuts & Co", "phone": "0431 1"}, "vendors")
    changed = office.update({"key": "NUTS", "name": "Nuts Ltd"}, "vendors")

    assert (made.status, made.key, made.reference) == (OutcomeStatus.SUCCEEDED, "NUTS", "NUTS")
    assert changed.status is OutcomeStatus.SUCCEEDED
    assert office.company.rows(
        "select VENDNAME, PHNUMBR1, COMMENT2, VENDSTTS from PM00200 where VENDORID = 'NUTS'"
    ) == [("Nuts Ltd", "0431 1", REFERENCE, 1)]
    found = office.find({"code": "NUTS", "name": "Nuts & Co"}, "vendors")
    assert found is not None
    assert found.key == "NUTS"


def test_a_vendor_that_is_there_is_not_made_again_under_another_command(office: Office) -> None:
    refused = office.create({"code": "ACME", "name": "Other"}, "vendors")

    assert (
        refused.messages[0].text == "eConnect 8004 (taUpdateCreateVendorRcd): The vendor exists already 8004"
    )


def test_a_name_that_gp_would_cut_is_refused_with_its_field(office: Office) -> None:
    refused = office.create({"code": "NUTS", "name": "x" * 65}, "vendors")

    assert [(each.code, each.field) for each in refused.messages] == [("too_long", "name")]


def test_an_item_is_made_and_changed(office: Office) -> None:
    made = office.create({"code": "NUT-8", "name": "Nut M8", "categoryName": "RETAIL"}, "inventory_items")
    changed = office.update({"key": "NUT-8", "name": "Nut M8 zinc"}, "inventory_items")
    missing = office.update({"key": "NOPE", "name": "x"}, "inventory_items")

    assert (made.key, changed.status) == ("NUT-8", OutcomeStatus.SUCCEEDED)
    assert office.company.rows("select ITEMDESC, ITMCLSCD from IV00101 where ITEMNMBR = 'NUT-8'") == [
        ("Nut M8 zinc", "RETAIL")
    ]
    assert missing.messages[0].code == "not_found"


def test_nothing_is_written_but_by_econnects_procedures() -> None:
    """No statement of a recipe changes a table, and each parameter is one of its procedure's."""
    statements = [step["sql"] for name in ("purchase_orders", "vendors", "inventory_items")
                  for kind in ("create", "update") for step in spec(name).write[kind]["steps"]]  # fmt: skip
    assert len(statements) > 10
    for statement in statements:
        for mention in mentions_in(statement):
            name = mention.name.removeprefix("dbo.")
            assert mention.privilege == ("EXECUTE" if name.startswith("ta") else "SELECT")
        for called, written in re.findall(r"exec dbo\.(\w+) (.*?);", statement, re.DOTALL):
            assert set(re.findall(r"@(\w+) =", written)) <= set(PARAMETERS[called].split()), called


@pytest.mark.parametrize("name", [name for name, table in PROFILE["streams"].items() if "write" in table])
def test_every_batch_is_t_sql_to_a_parser_that_is_not_ours(name: str) -> None:
    """THROW with its three arguments is not in that parser's grammar, so RAISERROR stands in its place."""
    for kind in ("create", "update"):
        for step in spec(name).write[kind]["steps"]:
            text = re.sub(r"throw (@?\w+), (@\w+), 1", r"raiserror(\2, 16, 1)", step["sql"])
            text = re.sub(r":[A-Za-z][\w.]*", "@given", text)
            for statement in sqlglot.parse(text, read="tsql"):
                assert not isinstance(statement, exp.Command) or statement.name.lower() in {"set", "exec"}, (
                    text
                )


def test_the_matrix_says_what_can_be_written() -> None:
    found = {
        (each.entity, each.kind): each for each in operations_of([spec("purchase_orders"), spec("vendors")])
    }

    order = found["purchase_order", OperationKind.CREATE]
    assert {"vendorKey", "orderDate", "lineItems.materialKey", "lineItems.quantity"} <= set(order.required)
    assert order.effect_settles_after is not None
    assert found["purchase_order", OperationKind.UPDATE].updatable_in["lineItems.quantity"] == (
        "draft",
        "ordered",
    )
    assert SQLSERVER.name == "sqlserver"

"""Streams for a database that nobody foresaw: proposed from the catalogues of real databases, and looked at with real records."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

from agent.mapping.toml import inline
from tests.integration.adventureworks.loader import load
from tests.integration.odbc_sources import Source
from tests.servers import MariaDbServer, PostgresServer
from tests.unit.commandline.conftest import Shell

pytestmark = [pytest.mark.integration, pytest.mark.timeout(300)]

# A maintenance shop's own tables: no schema, German and English, capitals, keys of two columns.
SHOP = (
    (
        "create table Suppliers (SupplierNo varchar(10) primary key, SupplierName varchar(60) not null, Email varchar(80),"
        " VATNumber varchar(20), Blocked tinyint(1) not null default 0, changed_at datetime(6) not null)"
    ),
    (
        "create table tblEquipment (EquipNo varchar(20) primary key, EquipName varchar(80), SerialNo varchar(40),"
        " Manufacturer varchar(40), PurchaseDate date, SupplierNo varchar(10),"
        " foreign key (SupplierNo) references Suppliers (SupplierNo))"
    ),
    (
        "create table WorkOrders (Company char(2) not null, WoNo integer not null, Title varchar(80), Status char(1),"
        " EquipNo varchar(20), StartDate datetime, UpdatedAt date, primary key (Company, WoNo),"
        " foreign key (EquipNo) references tblEquipment (EquipNo))"
    ),
    (
        "create table WorkOrderTasks (Company char(2) not null, WoNo integer not null, TaskNo integer not null,"
        " Description varchar(80), primary key (Company, WoNo, TaskNo),"
        " foreign key (Company, WoNo) references WorkOrders (Company, WoNo))"
    ),
    "insert into Suppliers values ('S1', 'O''Hara & Söhne', 'a@example.org', 'DE1', 0, '2026-02-01 08:00:00.5')",
    "insert into tblEquipment values ('E1', 'Press', 'SN1', 'Acme', '2020-01-02', 'S1')",
    "insert into WorkOrders values ('A1', 1, 'Leak', 'R', 'E1', '2026-02-01 10:00:00', '2026-02-02')",
    "insert into WorkOrderTasks values ('A1', 1, 10, 'look'), ('A1', 1, 20, 'mend')",
)


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    return Shell(tmp_path / "c")


class Shop:
    """A connection file that says only where the database is, and commands on it."""

    def __init__(self, shell: Shell, source: Source) -> None:
        self.shell = shell
        attributes = ", ".join(f"{name} = {inline(value)}" for name, value in source.attributes.items())
        secrets = "".join(f'{name} = "env:SHOP_{name.upper()}"\n' for name in source.secrets)
        text = f'driver = "odbc"\n\n[options]\nconnection = {{ {attributes} }}\n\n[secrets]\n{secrets}'
        self.file = shell.write("connections/shop.toml", text)
        self._environment = {f"SHOP_{name.upper()}": value for name, value in source.secrets.items()}

    def run(self, *words: str) -> Result:
        return self.shell.run(*words, env=self._environment)

    def proposed(self) -> dict[str, Any]:
        document = self.shell.json("discover", "shop", "--propose", env=self._environment)
        return {each["name"]: each for each in document["streams"]}

    def previewed(self) -> dict[str, Any]:
        document = self.shell.json("sync", "--preview", "shop", env=self._environment)
        return {each["stream"]: each for each in document["streams"]}


def test_adventureworks_is_proposed_and_its_records_map(
    shell: Shell, postgres_server: PostgresServer, shared_dir: Path
) -> None:
    load(postgres_server, "aw_proposed", shared_dir / "data" / "adventureworks")
    attributes = postgres_server.odbc_attributes("aw_proposed")
    shop = Shop(shell, Source("postgres", attributes, postgres_server.odbc_secrets()))
    before = shop.file.read_text()

    proposed = shop.proposed()
    assert {name: (each["table"], each["key"], each["lines"]) for name, each in proposed.items()} == {
        "purchase_orders": (
            "purchasing.purchaseorderheader",
            ["purchaseorderid"],
            {"lineItems": "purchasing.purchaseorderdetail"},
        ),
        "inventory_items": (
            "production.product",
            ["productid"],
            {"stocks": "production.productinventory", "supplyOptions": "purchasing.productvendor"},
        ),
        "vendors": ("purchasing.vendor", ["businessentityid"], {}),
    }
    assert {each["replication_key"] for each in proposed.values()} == {"modifieddate"}
    vendor = proposed["purchase_orders"]["map"]["vendorKey"]
    assert (vendor["column"], vendor["sureness"], vendor["why"]) == ("vendorid", "sure", "its foreign key")
    assert shop.file.read_text() == before

    assert shop.run("discover", "shop", "--propose", "--add").exit_code == 0
    assert shop.file.read_text().startswith(before)
    assert "password" not in shop.file.read_text().lower().replace("env:shop_pwd", "")
    assert shop.run("config", "check").exit_code == 0

    shown = shop.previewed()
    assert [each["error"] for each in shown.values()] == [None] * 3
    assert [each["sample"]["mapped"] for each in shown.values()] == [5] * 3
    assert [each["sample"]["rejects"] for each in shown.values()] == [[]] * 3
    order = shown["shop/purchase_orders"]["sample"]["records"][0]
    assert (order["vendorKey"], order["totalNetValue"], order["lineItems"][0]["quantity"]) == (
        "1580",
        "201.04",
        "4",
    )
    assert shown["shop/purchase_orders"]["reads"][1]["rows"] == 4_012

    again = shop.run("discover", "shop", "--propose", "--add")
    assert again.exit_code == 0
    assert "There was nothing to add." in again.stdout


def test_a_shop_with_tables_of_its_own_is_proposed_with_its_own_key_and_change_columns(
    shell: Shell, mariadb_server: MariaDbServer
) -> None:
    mariadb_server.create_database("next_door")
    next_door = Source("mariadb", mariadb_server.odbc_attributes("next_door"), mariadb_server.odbc_secrets())
    next_door.run("create table Item (ItemNo int primary key, Description varchar(20))")
    mariadb_server.create_database("shop")
    source = Source("mariadb", mariadb_server.odbc_attributes("shop"), mariadb_server.odbc_secrets())
    source.run(*SHOP)
    shop = Shop(shell, source)

    proposed = shop.proposed()
    assert {name: (each["key"], each["replication_key"]) for name, each in proposed.items()} == {
        "work_orders": (["Company", "WoNo"], "UpdatedAt"),
        "vendors": (["SupplierNo"], "changed_at"),
        "assets": (["EquipNo"], None),
    }
    assert proposed["work_orders"]["lines"] == {"tasks": "shop.WorkOrderTasks"}
    printed = shop.run("discover", "shop", "--propose").stdout
    assert "of type DATE; a whole day: each sync reads the last day again" in printed
    assert "every sync reads all rows and compares them" in printed

    assert shop.run("discover", "shop", "--propose", "--add").exit_code == 0
    shown = shop.previewed()
    (order,) = shown["shop/work_orders"]["sample"]["records"]
    assert (order["key"], order["assetKey"]) == ("A1~1", "E1")
    assert order["tasks"] == [{"code": "10", "description": "look"}, {"code": "20", "description": "mend"}]
    (vendor,) = shown["shop/vendors"]["sample"]["records"]
    assert (vendor["name"], vendor["isBlocked"]) == ("O'Hara & Söhne", False)
    (asset,) = shown["shop/assets"]["sample"]["records"]
    assert asset["vendorKey"] == "S1"


def test_streams_are_proposed_for_databases_alone(shell: Shell) -> None:
    shell.write("connections/box.toml", 'system = "sandbox"\n')

    result = shell.run("discover", "box", "--propose")

    assert result.exit_code == 3
    assert "this connection has 'sandbox'" in result.stderr


@pytest.mark.parametrize("words", [("--add",), ("orders", "--propose")], ids=["add-alone", "one-table"])
def test_options_that_make_no_sense_together_are_refused(shell: Shell, words: tuple[str, ...]) -> None:
    assert shell.run("discover", "shop", *words).exit_code == 2


def test_a_stream_of_the_connections_profile_is_not_proposed_over(shell: Shell, tmp_path: Path) -> None:
    pytest.importorskip("pyodbc")
    database = tmp_path / "shop.db"
    with closing(sqlite3.connect(database)) as connection:
        connection.execute("create table vendors (id integer primary key, name text)")
        connection.commit()
    stream = '[streams.vendors]\nentity = "vendor"\n[streams.vendors.read]\nquery = "select id, name from vendors"\n'
    shell.write(
        "systems/shop/streams.toml",
        f'driver = "odbc"\n{stream}key = ["id"]\n[streams.vendors.map]\nname = "name"\n',
    )
    file = shell.write(
        "connections/shop.toml",
        f'system = "shop"\n[options]\nconnection = {{ Driver = "SQLite3", Database = {inline(str(database))} }}\n',
    )
    before = file.read_text()

    proposed = shell.json("discover", "shop", "--propose", "--add")

    assert proposed["streams"] == []
    assert proposed["added_to"] is None
    assert "left as they are: vendors." in proposed["toml"]
    assert file.read_text() == before

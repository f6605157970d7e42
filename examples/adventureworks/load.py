"""Prints a psql script that creates the AdventureWorks purchasing tables and fills them.

python examples/adventureworks/load.py FOLDER | psql adventureworks
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

SCHEMA = Path(__file__).with_name("schema.sql")

# In the order that the foreign keys ask for.
TABLES = {
    "production.unitmeasure": "UnitMeasure.csv",
    "production.location": "Location.csv",
    "production.product": "Product.csv",
    "production.productinventory": "ProductInventory.csv",
    "purchasing.shipmethod": "ShipMethod.csv",
    "purchasing.vendor": "Vendor.csv",
    "purchasing.productvendor": "ProductVendor.csv",
    "purchasing.purchaseorderheader": "PurchaseOrderHeader.csv",
    "purchasing.purchaseorderdetail": "PurchaseOrderDetail.csv",
}


def script(data: Path) -> str:
    """A psql script. The files write whole numbers as `3.0`, so each table is copied as text and then cast."""
    return (
        SCHEMA.read_text()
        + "".join(_load(table, data / file) for table, file in TABLES.items())
        + f"analyze {', '.join(TABLES)};\n"
    )


def _load(table: str, path: Path) -> str:
    schema, name = table.split(".")
    return f"""
select format('create temp table incoming (%s)', string_agg(format('%I text', column_name), ', ' order by ordinal_position)),
       string_agg(
         case when data_type in ('integer', 'smallint') then format('%I::numeric::%s', column_name, data_type)
              when data_type = 'boolean' then format('%I::integer::boolean', column_name)
              when data_type = 'character varying' then format('%I', column_name)
              when data_type = 'character' then format('%I', column_name)
              else format('%I::%s', column_name, data_type) end,
         ', ' order by ordinal_position) as casts
from information_schema.columns where table_schema = '{schema}' and table_name = '{name}' \\gset load_
drop table if exists incoming;
:load_format;
\\copy incoming from '{path}' with (format csv, delimiter E'\\t', null '')
insert into {table} select :load_casts from incoming;
"""  # noqa: S608 - the names are those above


def main() -> None:
    parser = argparse.ArgumentParser(description="Print the psql script that creates and fills the tables.")
    parser.add_argument("data", type=Path, help="the folder with the files")
    sys.stdout.write(script(parser.parse_args().data.resolve()))


if __name__ == "__main__":
    main()

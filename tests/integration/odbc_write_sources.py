"""A small purchasing system that can be written to, with what each product offers for it: procedures, triggers."""

from __future__ import annotations

from typing import Any

from drivers.contract import OperationKind, StreamSpec, WriteCommand
from tests.integration.odbc_sources import Source

READ: dict[str, Any] = {
    "query": "select id, ref, vendor, title, amount, due_date, changed_at, urgent, status from w_orders",
    "key": ["id"],
    "lines": {
        "lines": {
            "query": "select order_id, line_id, item, qty, note from w_lines",
            "parent": ["order_id"],
            "order_by": ["line_id"],
        }
    },
}
ORDER: dict[str, Any] = {
    "vendorKey": "V1",
    "title": "Bolts and nuts",
    "totalNetValue": "12.50",
    "dueAt": "2026-02-03T00:00:00Z",
    "lineItems": [
        {"materialKey": "I-1", "quantity": "3.000000000000000001"},
        {"materialKey": "I-2", "quantity": "1", "notes": "blue"},
    ],
}
FIND = "select order_id as id, order_no as no from w_done where command = :idempotencyKey"

_COLUMNS = {
    "postgres": ("serial primary key", "numeric(38,20)", "timestamptz", "boolean", "text"),
    "mariadb": ("integer auto_increment primary key", "decimal(38,20)", "datetime(6)", "boolean", "longtext"),
    "sqlite": ("integer primary key", "text", "timestamp", "boolean", "text"),
}

# Each refuses the vendor V-BLOCKED in words of its own, and each gives the order a number.
_POSTGRES = """
create function w_place(p_vendor text, p_title text, p_amount numeric, p_due date, p_ref text)
  returns table(id integer, no text) language plpgsql as $$
declare made integer;
begin
  if p_vendor = 'V-BLOCKED' then
    raise exception 'Vendor % is blocked', p_vendor using errcode = 'GW042';
  end if;
  insert into w_orders (vendor, title, amount, due_date, ref, status)
    values (p_vendor, p_title, p_amount, p_due, p_ref, '1') returning w_orders.id into made;
  return query select made, 'PO-' || made;
end $$;
create procedure w_place_inout(p_vendor text, p_title text, p_amount numeric, p_due date, p_ref text,
  inout id integer, inout no text) language plpgsql as $$
begin
  select f.id, f.no into id, no from w_place(p_vendor, p_title, p_amount, p_due, p_ref) f;
end $$;
"""
_MARIADB = """
delimiter //
create procedure w_place(p_vendor varchar(40), p_title longtext, p_amount decimal(38,20), p_due date, p_ref varchar(64))
begin
  if p_vendor = 'V-BLOCKED' then
    signal sqlstate '45000' set message_text = 'Vendor V-BLOCKED is blocked', mysql_errno = 30042;
  end if;
  insert into w_orders (vendor, title, amount, due_date, ref, status) values (p_vendor, p_title, p_amount, p_due, p_ref, '1');
  select last_insert_id() as id, concat('PO-', last_insert_id()) as no;
end //
create procedure w_late(p_ref varchar(64))
begin
  insert into w_orders (ref, vendor) values (p_ref, 'V1');
  select last_insert_id() as id, 'late' as no;
  signal sqlstate '45000' set message_text = 'too late';
end //
delimiter ;
"""
_SQLITE = (
    "create trigger w_blocked before insert on w_orders when new.vendor = 'V-BLOCKED' begin"
    " select raise(abort, 'Vendor V-BLOCKED is blocked'); end"
)


def tables(kind: str) -> list[str]:
    identity, amount, moment, boolean, text = _COLUMNS[kind]
    engine = " engine=innodb character set utf8mb4" if kind == "mariadb" else ""
    return [
        (
            f"create table w_orders (id {identity}, ref varchar(64) unique, vendor varchar(40), title {text},"
            f" amount {amount}, due_date date, changed_at {moment}, urgent {boolean}, status varchar(10)){engine}"
        ),
        (
            f"create table w_lines (line_id {identity}, order_id integer not null references w_orders(id),"
            f" item varchar(40) not null, qty {amount}, note {text}){engine}"
        ),
        (
            "create table w_done (command varchar(64) primary key, order_id integer, order_no varchar(20),"
            f" what varchar(20)){engine}"
        ),
    ]


def lay_out_writes(source: Source, execute: Any) -> None:
    """`execute` runs a script as the database's own client, which knows bodies of procedures."""
    source.run(*tables(source.kind))
    if source.kind == "sqlite":
        source.run(_SQLITE)
    else:
        execute(_POSTGRES if source.kind == "postgres" else _MARIADB)


def _done(what: str, order: str = "key", number: Any = None) -> dict[str, Any]:
    values: dict[str, Any] = {"command": "idempotencyKey", "order_id": order, "what": {"const": what}}
    return {"insert": "w_done", "values": values | ({"order_no": number} if number else {})}


def _place(kind: str) -> dict[str, Any]:
    """How the product places an order and says what it made."""
    if kind == "sqlite":
        return {
            "insert": "w_orders",
            "values": {
                "vendor": "vendorKey",
                "title": "title",
                "amount": "totalNetValue",
                "due_date": "dueAt",
                "ref": "idempotencyKey",
                "status": {"const": "1"},
            },
            "returns": ["id"],
        }
    arguments = ":vendorKey, :title, :totalNetValue, :dueAt, :idempotencyKey"
    if kind == "mariadb":
        return {"call": f"w_place({arguments})", "returns": ["id", "no"]}
    return {"sql": f"select id, no from w_place({arguments})", "returns": ["id", "no"]}


def write(kind: str) -> dict[str, Any]:
    numbered = kind != "sqlite"
    number: Any = "result.no" if numbered else {"sql": "'PO-' || :result.id"}
    steps = [_place(kind)]
    if not numbered:
        steps.append({"sql": "select 'PO-' || :result.id as no", "returns": ["no"]})
        number = "result.no"
    return {
        "types": {"totalNetValue": "decimal", "dueAt": "date"},
        "create": _create(steps, number),
        "update": {
            "updatable_in": {"title": ["draft", "pending_approval"]},
            "steps": [
                {
                    "update": "w_orders",
                    "set": {"title": "title", "amount": "totalNetValue", "due_date": "dueAt"},
                    "where": {"id": "key"},
                },
                {
                    "delete": "w_lines",
                    "where": {"order_id": "key"},
                    "when": "lineItems",
                    "expect_rows": "any",
                },
                {
                    "insert": "w_lines",
                    "for_each": "lineItems",
                    "values": {
                        "order_id": "key",
                        "item": "lineItems.materialKey",
                        "qty": "lineItems.quantity",
                    },
                },
                _done("update"),
            ],
            "find": FIND,
        },
        "delete": {
            "steps": [
                {"delete": "w_lines", "where": {"order_id": "key"}, "expect_rows": "any"},
                {"sql": "delete from w_orders where id = :key", "expect_rows": 1},
                _done("delete"),
            ],
            "find": FIND,
        },
        "set_status": {
            "statuses": {"approved": "2", "rejected": "3"},
            "steps": [
                {
                    "sql": "select id from w_orders where id = :key and status <> '4'",
                    "expect_rows": 1,
                    "otherwise": {"code": "closed", "text": "the order is closed", "field": "key"},
                },
                {"update": "w_orders", "set": {"status": "status"}, "where": {"id": "key"}},
                _done("set_status"),
            ],
            "find": FIND,
        },
    }


def _create(steps: list[dict[str, Any]], number: Any) -> dict[str, Any]:
    return {
        "required": ["vendorKey", "lineItems", "lineItems.materialKey", "lineItems.quantity"],
        "steps": [
            *steps,
            {
                "insert": "w_lines",
                "for_each": "lineItems",
                "values": {
                    "order_id": "result.id",
                    "item": "lineItems.materialKey",
                    "qty": "lineItems.quantity",
                    "note": "lineItems.notes",
                },
            },
            _done("create", "result.id", number),
        ],
        "find": FIND,
        "reference": "result.no",
    }


def order_stream(kind: str, changes: dict[str, Any] | None = None) -> StreamSpec:
    return StreamSpec("orders", "purchase_order", READ, write=write(kind) | (changes or {}))


def command(
    kind: OperationKind, record: dict[str, Any], stream: StreamSpec, idempotency_key: str
) -> WriteCommand:
    return WriteCommand(kind, stream.entity, record, idempotency_key, stream)

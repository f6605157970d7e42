"""Time zones of the program's own, character sets, schedules, and columns of records as they travel."""

from __future__ import annotations

import datetime as dt
import zoneinfo
from decimal import Decimal
from importlib.resources import files
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import xxhash
from apscheduler.triggers.cron import CronTrigger
from apscheduler.triggers.interval import IntervalTrigger

from agent.doctor.check import Check
from agent.selfcheck.words import plain

# On 1 July 2025, noon UTC: half hours, both hemispheres, and one zone that shifts by half an hour.
OFFSETS: Final = {
    "Europe/Berlin": 2.0,
    "America/New_York": -4.0,
    "America/Sao_Paulo": -3.0,
    "Asia/Kolkata": 5.5,
    "Asia/Tokyo": 9.0,
    "Australia/Lord_Howe": 10.5,
    "Africa/Johannesburg": 2.0,
    "UTC": 0.0,
}
# Texts that databases, exports and terminals of ERP systems are written in.
CODECS: Final = {
    "utf-8": "Größe €", "utf-8-sig": "Größe", "utf-16": "Größe", "utf-16-le": "Größe", "utf-16-be": "Größe",
    "ascii": "size", "latin-1": "Größe", "iso8859-2": "Łódź", "iso8859-5": "Цена", "iso8859-7": "τιμή", "iso8859-9": "Şişe",
    "iso8859-15": "Preis €", "cp437": "Größe", "cp850": "Größe", "cp852": "Łódź", "cp866": "Цена", "cp874": "ราคา",
    "cp1250": "Łódź", "cp1251": "Цена", "cp1252": "Preis €", "cp1253": "τιμή", "cp1254": "Şişe", "cp1255": "מחיר",
    "cp1256": "سعر", "cp1257": "Kaina", "cp1258": "Giá", "koi8_r": "Цена", "koi8_u": "Ціна", "cp932": "価格",
    "shift_jis": "価格", "euc_jp": "価格", "gbk": "价格", "gb18030": "价格", "big5": "價格", "cp949": "가격", "euc_kr": "가격",
    "cp037": "PRICE", "cp500": "PRICE", "cp1140": "PRICE €", "idna": "grosse",
}  # fmt: skip


def zones() -> str:
    noon = dt.datetime(2025, 7, 1, 12, tzinfo=dt.UTC)
    for name, hours in OFFSETS.items():
        with (files("tzdata") / "zoneinfo" / name).open("rb") as file:
            zone = zoneinfo.ZoneInfo.from_file(file, key=name)
        there = noon.astimezone(zone).utcoffset()
        if there != dt.timedelta(hours=hours):
            raise ValueError(f"{name} is {there} off UTC, not {hours} h")
    return f"{', '.join(OFFSETS)}; {len(zoneinfo.available_timezones())} are known"


def codecs() -> str:
    for name, text in CODECS.items():
        if text.encode(name).decode(name) != text:
            raise UnicodeError(f"{name} does not give back what it was given")
    return f"{len(CODECS)} character sets"


def schedule() -> str:
    now = dt.datetime(2025, 7, 1, 12, tzinfo=dt.UTC)
    cron = CronTrigger.from_crontab("0 6 * * mon-fri", timezone=zoneinfo.ZoneInfo("Europe/Berlin"))
    every = IntervalTrigger(minutes=15, start_date=now, timezone=dt.UTC)
    expected = dt.datetime(2025, 7, 2, 4, tzinfo=dt.UTC)
    if cron.get_next_fire_time(None, now) != expected or every.get_next_fire_time(now, now) is None:
        raise ValueError("a schedule comes due at another time than it should")
    return "cron and interval"


def columns() -> str:
    """Made, computed with, packed, unpacked and hashed."""
    rows = 5_000
    table = pa.table(
        {
            "key": pa.array(map(str, range(rows))),
            "amount": pa.array([Decimal(n).scaleb(-2) for n in range(rows)], pa.decimal128(38, 10)),
            "lines": pa.array([[{"no": n}] for n in range(rows)]),
        }
    )
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(
        sink, table.schema, options=pa.ipc.IpcWriteOptions(compression=pa.Codec("zstd", 1))
    ) as writer:
        writer.write_table(table)
    found = pa.ipc.open_stream(sink.getvalue()).read_all()
    chosen = found.filter(pc.greater(found["amount"], pa.scalar(Decimal(10))))
    if not found.equals(table) or chosen.num_rows != rows - 1_001:
        raise ValueError("columns are not what they were")
    joined = chosen.group_by("key").aggregate([("amount", "sum")])
    hashes = np.array([xxhash.xxh3_64_intdigest(key.as_py().encode()) for key in joined["key"]], np.uint64)
    return f"pyarrow {pa.__version__}, numpy {np.__version__}, {len(np.unique(hashes))} hashes"


ZONES: Final[Check] = plain(
    "timezones", "time zones of the program's own", "Time zones are missing or wrong", zones
)
CODECS_CHECK: Final[Check] = plain("encodings", "character sets", "A character set is missing", codecs)
SCHEDULE: Final[Check] = plain("schedule", "schedules", "Schedules cannot be worked out", schedule)
COLUMNS: Final[Check] = plain("columns", "columns of records", "Records cannot be computed with", columns)

"""Tables are read exactly: every row once, whatever order and width a reader has, while others write."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from drivers.contract import BadConfiguration, NotPermitted, SourceBusy, SourceChanged
from drivers.rfc import sdk
from drivers.rfc.caller import CallFailed
from drivers.rfc.changes import plan_of
from drivers.rfc.conditions import EVERYTHING, Compare
from drivers.rfc.dictionary import Dictionary
from drivers.rfc.readers import Form, choose
from drivers.rfc.tables import KEYS_PER_CALL, Plan, TableReader, keys_of
from tests.canaries import canary
from tests.sap import libraries
from tests.sap.dictionary import Column, Definition, define
from tests.sap.system import Profile, System

LOGON = {"ashost": "sap.example", "sysnr": "00", "client": "100", "user": "RFCUSER", "passwd": canary()}
PLAIN = Profile()
SORTED = Profile(et_data=True)
WIDE = Profile(readers=("RFC_READ_TABLE", "/BODS/RFC_READ_TABLE2"))
ONE_WIDTH = Profile(readers=("RFC_READ_TABLE", "/SAPDS/RFC_READ_TABLE"))
PROFILES = {"plain": PLAIN, "sorted": SORTED, "wide": WIDE}


def wide_table(columns: int = 60) -> Definition:
    fields = [
        Column("MANDT", "CLNT", 3, key=True),
        Column("A", "CHAR", 4, key=True),
        Column("B", "NUMC", 5, key=True),
    ]
    return Definition("ZWIDE", [*fields, *(Column(f"C{n:02d}", "CHAR", 20) for n in range(columns - 2))])


class Site:
    def __init__(self, profile: Profile, rows_per_call: int = 100) -> None:
        self.system = System(profile)
        self.system.add_table(wide_table())
        self.caller = sdk.caller(LOGON, lambda: libraries.sdk(self.system))
        self.dictionary = Dictionary(self.caller)
        self.reader, spare = choose(self.dictionary)
        self.tables = TableReader(self.caller, self.reader, spare, rows_per_call=rows_per_call)

    def plan(self, table: str = "ZWIDE", condition: Any = EVERYTHING) -> Plan:
        found = self.dictionary.table(table)
        return plan_of(found, [f for f in found.fields if f.datatype != "CLNT"], condition, "streams.x.read")

    def pages(self, plan: Plan, rows: int) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        for page, _ in self.tables.pages(plan, None, rows):
            assert page.num_rows <= rows
            found += page.to_pylist()
        return found

    def source(self, table: str = "ZWIDE") -> list[dict[str, str]]:
        return [{k: v for k, v in row.items() if k != "MANDT"} for row in self.system.rows(table)]


@contextmanager
def site(profile: Profile, rows_per_call: int = 100) -> Iterator[Site]:
    found = Site(profile, rows_per_call)
    try:
        yield found
    finally:
        found.system.close()


def fill(system: System, count: int, version: int = 0) -> None:
    columns = len(system.dictionary["ZWIDE"].columns)
    system.put_many(
        "ZWIDE",
        (
            ("100", f"K{n // 7:03d}", f"{n % 7:05d}", *[f"{version}:{n}"] * (columns - 3))
            for n in range(count)
        ),
    )


@pytest.mark.parametrize("profile", PROFILES.values(), ids=PROFILES.keys())
class TestPages:
    @pytest.mark.parametrize("rows", [1, 3, 40, 1_000])
    def test_every_row_comes_once_in_the_keys_order(self, profile: Profile, rows: int) -> None:
        with site(profile) as found:
            fill(found.system, 150 if rows > 1 else 25)

            assert found.pages(found.plan(), rows) == found.source()

    def test_no_call_asks_for_more_than_it_may(self, profile: Profile) -> None:
        with site(profile, rows_per_call=50) as found:
            fill(found.system, 300)
            found.pages(found.plan(), 1_000)

            asked = [
                p["ROWCOUNT"]
                for name, p in found.system.calls
                if name.endswith(("READ_TABLE", "READ_TABLE2"))
            ]
            assert 0 < max(asked) <= 2 * 50 + 2
            assert all(len(o["TEXT"]) <= 72 for _, p in found.system.calls for o in p.get("OPTIONS", []))

    def test_while_others_insert_delete_and_change_no_row_is_torn_lost_or_repeated(
        self, profile: Profile
    ) -> None:
        with site(profile) as found:
            fill(found.system, 200)
            chance = random.Random(7)
            seen: dict[tuple[str, str], set[str]] = {}
            for row in found.source():
                seen.setdefault((row["A"], row["B"]), set()).add(row["C00"])
            untouched = {key for key in seen if key[0] < "K020"}

            def write(function: str, _parameters: Any) -> None:
                if not function.endswith(("READ_TABLE", "READ_TABLE2")):
                    return
                for _ in range(3):
                    number = chance.randrange(140, 260)
                    key = (f"K{number // 7:03d}", f"{number % 7:05d}")
                    if chance.random() < 0.2:
                        found.system.remove("ZWIDE", A=key[0], B=key[1])
                    else:
                        value = f"{chance.random():.6f}"
                        seen.setdefault(key, set()).add(value)
                        found.system.put(
                            "ZWIDE", A=key[0], B=key[1], **{f"C{n:02d}": value for n in range(58)}
                        )

            found.system.before_call = write
            rows = found.pages(found.plan(), 40)

            keys = [(row["A"], row["B"]) for row in rows]
            assert len(keys) == len(set(keys))
            assert untouched <= set(keys)
            for row in rows:
                values = {row[f"C{n:02d}"] for n in range(58)}
                assert len(values) == 1, "the row is made of two versions"
                assert values <= seen[row["A"], row["B"]]

    def test_everything_that_matches_comes_in_one_call_or_in_many(self, profile: Profile) -> None:
        for per_call in (1_000, 30):
            with site(profile, rows_per_call=per_call) as found:
                fill(found.system, 120)
                plan = found.plan(condition=Compare("A", ">=", "K005"))
                rows = [row for part in found.tables.every(plan) for row in part.to_pylist()]

                assert rows == [row for row in found.source() if row["A"] >= "K005"]

    def test_rows_by_key_are_those_that_exist(self, profile: Profile) -> None:
        with site(profile, rows_per_call=1_000) as found:
            fill(found.system, 3 * KEYS_PER_CALL)
            plan = found.plan()
            keys = [(f"K{n // 7:03d}", f"{n % 7:05d}") for n in range(0, 4 * KEYS_PER_CALL, 2)]

            rows = found.tables.by_keys(plan, plan.key, keys)

            assert keys_of(plan.key_names, rows).to_pylist() == [
                f"{a}~{b}" for a, b in sorted(keys) if any((r["A"], r["B"]) == (a, b) for r in found.source())
            ]

    def test_values_that_look_like_delimiters_stay_what_they_are(self, profile: Profile) -> None:
        with site(profile) as found:
            for number, text in enumerate(["a¦b", "|", "¦", "'", "  x", "ä ö ü 😀"[:12], "a\tb"]):
                found.system.put("ZWIDE", A="K", B=f"{number:05d}", C00=text, C57=text)

            assert found.pages(found.plan(), 3) == found.source()


@settings(max_examples=15)
@given(
    st.sets(st.tuples(st.text("ABC12_-", min_size=1, max_size=4), st.integers(0, 40)), max_size=60),
    st.integers(1, 9),
    st.sampled_from(sorted(PROFILES)),
)
def test_any_keys_and_any_page_size(keys: set[tuple[str, int]], rows: int, profile: str) -> None:
    with site(PROFILES[profile], rows_per_call=10) as found:
        found.system.put_many("ZWIDE", (("100", a, f"{b:05d}", *["v"] * 58) for a, b in keys))

        assert found.pages(found.plan(), rows) == sorted(found.source(), key=lambda row: (row["A"], row["B"]))


@settings(max_examples=40, deadline=None)
@example(keys={"AA", "A1", "B1"}, rows=1, et_data=True)
@example(keys={"AA", "A1", "B1"}, rows=1, et_data=False)
@given(
    st.sets(st.text("AB12", min_size=1, max_size=3), min_size=1, max_size=30),
    st.integers(1, 9),
    st.booleans(),
)
def test_a_system_that_orders_texts_otherwise_is_read_whole_or_refused(
    keys: set[str], rows: int, et_data: bool
) -> None:
    with site(Profile(et_data=et_data, letters_first=True), rows_per_call=10) as found:
        found.system.add_table(define("ZCODE", "MANDT CLNT 3 k; CODE CHAR 4 k; NAME CHAR 5"))
        found.system.put_many("ZCODE", (("100", key, "x") for key in keys))
        refused, read = "", []
        try:
            read = [row["CODE"] for row in found.pages(found.plan("ZCODE"), rows)]
        except SourceChanged as error:
            refused = error.message

        assert "orders the key" in refused or read == sorted(keys)


def test_a_reader_that_says_it_sorts_and_does_not_loses_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    with site(SORTED) as found:
        found.system.add_table(define("ZCODE", "MANDT CLNT 3 k; CODE CHAR 4 k; NAME CHAR 5"))
        found.system.put_many("ZCODE", (("100", f"{n:04d}", "x") for n in range(300)))
        select = found.system.select
        monkeypatch.setattr(found.system, "select", lambda *a, **k: select(*a, **(k | {"sort": False})))

        assert found.pages(found.plan("ZCODE"), 40) == found.source("ZCODE")


def test_what_vanishes_before_every_look_at_it_ends_the_read(monkeypatch: pytest.MonkeyPatch) -> None:
    with site(PLAIN) as found:
        fill(found.system, 300)
        real, plan = found.caller.call, found.plan()

        def without_rows(function: str, /, **parameters: Any) -> Any:
            reply = real(function, **parameters)
            wide = len(parameters.get("FIELDS", ())) > len(plan.key)
            return {**reply, "DATA": []} if wide else reply

        monkeypatch.setattr(found.caller, "call", without_rows)
        with pytest.raises(SourceBusy):
            found.pages(plan, 40)


class TestReaders:
    @pytest.mark.parametrize(
        ("profile", "function", "form"),
        [
            (PLAIN, "RFC_READ_TABLE", Form.PADDED),
            (SORTED, "RFC_READ_TABLE", Form.DELIMITED),
            (WIDE, "/BODS/RFC_READ_TABLE2", Form.NAMED),
            (
                Profile(readers=("RFC_READ_TABLE", "/SAPDS/RFC_READ_TABLE2"), et_data=True),
                "RFC_READ_TABLE",
                Form.DELIMITED,
            ),
            (Profile(readers=("BBP_RFC_READ_TABLE",)), "BBP_RFC_READ_TABLE", Form.PADDED),
            (ONE_WIDTH, "/SAPDS/RFC_READ_TABLE", Form.PADDED),
        ],
    )
    def test_the_best_that_is_there_is_taken(self, profile: Profile, function: str, form: Form) -> None:
        with site(profile) as found:
            assert (found.reader.function, found.reader.form) == (function, form)

    def test_none_at_all_is_told_with_what_to_ask_for(self) -> None:
        with pytest.raises(BadConfiguration) as raised, site(Profile(readers=())):
            pytest.fail("there is no reader")
        assert "S_RFC" in raised.value.hint

    def test_a_table_that_the_user_may_not_read_is_named_with_the_object(self) -> None:
        with site(PLAIN) as found:
            found.system.users["RFCUSER"].tables = frozenset({"EKKO"})

            with pytest.raises(NotPermitted) as raised:
                found.pages(found.plan(), 10)
            assert "S_TABU_NAM" in raised.value.hint
            assert "ZWIDE" in raised.value.hint

    def test_a_reader_narrower_than_it_says_is_given_smaller_groups(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with site(PLAIN) as found:
            fill(found.system, 20)
            real = found.caller.call

            def narrow(function: str, /, **parameters: Any) -> Any:
                if len(parameters.get("FIELDS", ())) > 12:
                    from drivers.rfc.caller import Trouble

                    raise CallFailed(Trouble.EXCEPTION, "too wide", key="DATA_BUFFER_EXCEEDED")
                return real(function, **parameters)

            monkeypatch.setattr(found.caller, "call", narrow)
            assert found.pages(found.plan(), 7) == found.source()

    def test_rows_are_as_wide_as_the_readers_own_structure_less_what_it_does_not_take(self) -> None:
        with site(ONE_WIDTH) as found:
            fill(found.system, 20)
            found.system.add_table(replace(wide_table(120), name="ZWIDER"))

            assert found.reader.width == 2_048
            assert found.pages(found.plan(), 7) == found.source()
            assert len(found.tables._groups(found.plan())) == 1
            assert found.pages(found.plan("ZWIDER"), 7) == []

    def test_a_key_that_is_not_unique_is_named(self) -> None:
        with site(PLAIN) as found:
            fill(found.system, 30)
            plan = found.plan()
            loose = Plan(plan.table, plan.columns, plan.key[:1], where="streams.x.read")

            with pytest.raises(SourceChanged) as raised:
                found.pages(loose, 10)
            assert raised.value.where.startswith("streams.x.read")

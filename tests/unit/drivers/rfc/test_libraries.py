"""The two libraries of RFC behind one seam: what their exceptions mean, and sessions that nobody shares."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date, time
from threading import Event
from types import SimpleNamespace
from typing import Any

import pytest

from drivers.contract import NotPermitted
from drivers.rfc import native, sdk
from drivers.rfc.abap import Direction
from drivers.rfc.caller import Caller, CallFailed, Trouble, rows, text
from drivers.rfc.connections import _plain
from drivers.rfc.errors import translate
from tests.canaries import canary
from tests.sap import libraries
from tests.sap.system import Busy, LineCut, ShortDump, System, User

LOGON = {"ashost": "sap.example", "sysnr": "00", "client": "100", "user": "RFCUSER", "passwd": canary()}
ORDER = {
    "POHEADER": {"COMP_CODE": "1000", "VENDOR": "0000000100", "PURCH_ORG": "1000"},
    "POHEADERX": {"COMP_CODE": "X", "VENDOR": "X", "PURCH_ORG": "X"},
    "POITEM": [{"PO_ITEM": "00010", "QUANTITY": "1"}],
    "POITEMX": [{"PO_ITEM": "00010", "QUANTITY": "X"}],
    "RETURN": [],
}
Open = Callable[..., Caller]


@pytest.fixture
def system() -> Iterator[System]:
    system = System()
    system.put("LFA1", LIFNR="0000000100", NAME1="Schmidt")
    yield system
    system.close()


@pytest.fixture(params=["sdk", "native"])
def open_caller(request: pytest.FixtureRequest, system: System) -> Open:
    def opened(**parameters: str) -> Caller:
        if request.param == "sdk":
            return sdk.caller(LOGON | parameters, lambda: libraries.sdk(system))
        return native.caller(LOGON | parameters, lambda: libraries.native(system))

    return opened


def failure(work: Callable[[], Any]) -> CallFailed:
    with pytest.raises(CallFailed) as raised:
        work()
    return raised.value


class TestCalls:
    def test_a_call_has_its_answer_and_the_interface_its_parameters(self, open_caller: Open) -> None:
        caller = open_caller()

        assert text(caller.call("STFC_CONNECTION", REQUTEXT="hello"), "ECHOTEXT") == "hello"
        interface = caller.interface("RFC_READ_TABLE")
        assert interface is not None
        assert interface.has("QUERY_TABLE", "DATA")
        assert not interface.has("ET_DATA")
        table, name = interface.find("DATA"), interface.find("QUERY_TABLE")
        assert table is not None
        assert (table.structure, table.direction) == ("TAB512", Direction.TABLES)
        assert name is not None
        assert name.field is not None
        assert name.field.length == 30

    def test_a_function_that_is_not_there_has_no_interface(self, open_caller: Open) -> None:
        caller = open_caller()

        assert caller.interface("Z_NOT_THERE") is None
        assert failure(lambda: caller.call("Z_NOT_THERE")).trouble is Trouble.MISSING

    @pytest.mark.parametrize(
        ("prepare", "parameters", "trouble"),
        [
            (lambda _: None, {"passwd": "wrong"}, Trouble.LOGON),
            (lambda _: None, {"client": "999"}, Trouble.CLIENT),
            (lambda _: None, {"ashost": "elsewhere"}, Trouble.UNREACHED),
            (lambda user: setattr(user, "locked", True), {}, Trouble.LOCKED),
            (lambda user: setattr(user, "expired", True), {}, Trouble.EXPIRED),
            (lambda user: setattr(user, "functions", frozenset({"RFCPING"})), {}, Trouble.AUTHORITY),
        ],
    )
    def test_what_keeps_a_call_from_being_made_is_told_apart(
        self, open_caller: Open, system: System, prepare: Callable[[User], None], parameters: dict[str, str], trouble: Trouble
    ) -> None:  # fmt: skip
        prepare(system.users["RFCUSER"])

        failed = failure(lambda: open_caller(**parameters).call("STFC_CONNECTION", REQUTEXT=""))

        assert failed.trouble is trouble, failed.text
        assert canary() not in f"{failed!r}{failed.text}{failed.hint}"

    @pytest.mark.parametrize(
        ("error", "trouble"),
        [
            (ShortDump("CONVT_NO_NUMBER"), Trouble.FAILURE),
            (Busy("maximum number of work processes reached"), Trouble.BUSY),
            (LineCut(carried_out=False), Trouble.LOST),
        ],
    )
    def test_what_ends_a_session_is_told_and_the_next_call_has_a_new_one(
        self, open_caller: Open, system: System, error: Exception, trouble: Trouble
    ) -> None:
        caller = open_caller()

        def fail(_function: str, _parameters: Any) -> None:
            raise error

        system.before_call = fail
        assert failure(lambda: caller.call("RFC_PING")).trouble is trouble
        system.before_call = lambda _f, _p: None
        caller.call("RFC_PING")

    def test_an_exception_of_the_function_leaves_the_session_alive(self, open_caller: Open) -> None:
        caller = open_caller()
        with caller.session() as session:
            session.call("BAPI_PO_CREATE1", **ORDER)
            failed = failure(lambda: session.call("RFC_READ_TABLE", QUERY_TABLE="ZNONE", DATA=[]))
            session.call("BAPI_TRANSACTION_COMMIT", WAIT="X")

        assert (failed.trouble, failed.key) == (Trouble.EXCEPTION, "TABLE_NOT_AVAILABLE")
        assert str(failed.message_id) == "AD/029"

    def test_a_connection_that_died_while_idle_is_replaced_once(
        self, open_caller: Open, system: System
    ) -> None:
        caller = open_caller()
        caller.call("RFC_PING")
        cuts = [LineCut(carried_out=False)]

        def cut_once(_function: str, _parameters: Any) -> None:
            if cuts:
                raise cuts.pop()

        system.before_call = cut_once
        caller.call("RFC_PING")

        assert not cuts

    def test_a_call_that_took_too_long_is_not_made_again(self) -> None:
        calls: list[str] = []

        class Slow:
            def call(self, function: str, **_: Any) -> dict[str, Any]:
                calls.append(function)
                if len(calls) > 1:
                    behind = TimeoutError("timed out")
                    raise libraries.timed_out(behind) from behind
                return {}

            def close(self) -> None:
                pass

        module = SimpleNamespace(connect=lambda **_: Slow())
        caller = native.caller(LOGON, lambda: module)
        caller.call("RFC_PING")
        failed = failure(lambda: caller.call("STFC_CONNECTION"))

        assert (failed.trouble, calls) == (Trouble.LOST, ["RFC_PING", "STFC_CONNECTION"])
        assert "call_seconds" in failed.hint


class TestBeforeSapAnswers:
    """In the words of saprfclib 0.1.8 itself, where they were seen."""

    @pytest.mark.parametrize(
        ("error", "more", "trouble", "parts"),
        [
            (ConnectionRefusedError(111, "Connection refused"), {}, Trouble.UNREACHED, ("sap.example:3300", "Connection refused")),
            (EOFError("connection closed after 0/4 bytes"), {}, Trouble.UNREACHED, ("closed after",)),
            (TimeoutError("timed out"), {}, Trouble.UNREACHED, ("sap.example:3300", "timed out")),
            (ConnectionResetError(104, "reset"), {"saprouter": "/H/router/S/3299"}, Trouble.UNREACHED, ("/H/router/S/3299",)),
            (ValueError("NI frame length 1213486160 exceeds cap 134217728 (DoS guard)"), {}, Trouble.SETUP, ("no gateway of SAP",)),
            (ValueError("cannot determine the HTTP message-server port: no msserv was given"), {}, Trouble.SETUP, ("message_server_port",)),
            (type("MessageServerHttpError", (Exception,), {})("message server HTTP interface at ms:8101 is unreachable"), {},
             Trouble.UNREACHED, ("ms/server_port_0",)),
            (ValueError("logon failed: ログオンできません"), {}, Trouble.LOGON, ("ログオン",)),
            (ValueError("server negotiated codepage '1100', which is not the Unicode wire mode"), {}, Trouble.SETUP, ("1100",)),
        ],
        ids=str,
    )  # fmt: skip
    def test_it_is_told_what_and_where(
        self, error: Exception, more: dict[str, str], trouble: Trouble, parts: tuple[str, ...]
    ) -> None:
        def connect(**_: Any) -> Any:
            raise error

        caller = native.caller(LOGON | more, lambda: SimpleNamespace(connect=connect))
        failed = failure(lambda: caller.call("RFC_PING"))

        assert failed.trouble is trouble
        assert [part for part in parts if part not in f"{failed.text} {failed.hint}"] == []


class TestSessions:
    def test_what_was_called_in_a_session_is_never_called_twice(
        self, open_caller: Open, system: System
    ) -> None:
        """A reply that is lost says nothing of the call, and in a session calls write."""
        caller = open_caller()
        caller.call("RFC_PING")
        made: list[str] = []

        def lose(function: str, _parameters: Any) -> None:
            made.append(function)
            raise LineCut(carried_out=True)

        with caller.session() as session:
            session.call("RFC_PING")
            system.before_call = lose
            assert failure(lambda: session.call("BAPI_PO_CREATE1", **ORDER)).trouble is Trouble.LOST
            again = failure(lambda: session.call("BAPI_TRANSACTION_COMMIT", WAIT="X"))

        assert (again.trouble, made) == (Trouble.UNREACHED, ["BAPI_PO_CREATE1"])

    def test_what_is_not_committed_is_gone(self, open_caller: Open, system: System) -> None:
        with open_caller().session() as session:
            assert text(session.call("BAPI_PO_CREATE1", **ORDER), "EXPPURCHASEORDER")

        assert not system.rows("EKKO")

    def test_a_commit_of_another_session_commits_nothing(self, open_caller: Open, system: System) -> None:
        with open_caller().session() as session:
            session.call("BAPI_PO_CREATE1", **ORDER)
            open_caller().call("BAPI_TRANSACTION_COMMIT", WAIT="X")

        assert not system.rows("EKKO")

    def test_a_commit_of_the_same_session_keeps_it(self, open_caller: Open, system: System) -> None:
        with open_caller().session() as session:
            reply = session.call("BAPI_PO_CREATE1", **ORDER)
            session.call("BAPI_TRANSACTION_COMMIT", WAIT="X")

        assert [row["EBELN"] for row in system.rows("EKKO")] == [text(reply, "EXPPURCHASEORDER")]
        assert rows(reply, "RETURN")[-1]["TYPE"] == "S"

    def test_a_session_that_broke_is_not_replaced_unawares(self, open_caller: Open, system: System) -> None:
        with open_caller().session() as session:
            session.call("BAPI_PO_CREATE1", **ORDER)
            system.before_call = _cut
            assert failure(lambda: session.call("RFC_PING")).trouble is Trouble.LOST
            system.before_call = lambda _f, _p: None
            assert failure(lambda: session.call("BAPI_TRANSACTION_COMMIT")).trouble is Trouble.UNREACHED

        assert not system.rows("EKKO")

    def test_a_question_that_opens_another_connection_does_not_move_the_session_there(
        self, open_caller: Open, system: System
    ) -> None:
        caller = open_caller()
        with caller.session() as session:
            session.call("BAPI_PO_CREATE1", **ORDER)
            system.before_call = _cut_once(system)
            assert caller.interface("BAPI_PO_CHANGE") is not None
            assert failure(lambda: session.call("BAPI_TRANSACTION_COMMIT")).trouble is Trouble.UNREACHED

        assert not system.rows("EKKO")


def _cut_once(system: System) -> Callable[[str, Any], None]:
    def cut(_function: str, _parameters: Any) -> None:
        system.before_call = lambda _f, _p: None
        raise LineCut(carried_out=False)

    return cut


def _cut(_function: str, _parameters: Any) -> None:
    raise LineCut(carried_out=False)


class Silent:
    """A connection whose line died without a word: a call ends only when it is cancelled."""

    def __init__(self) -> None:
        self.calls = 0
        self._cancelled = Event()

    def call(self, _function: str, /, **_parameters: Any) -> dict[str, Any]:
        self.calls += 1
        if self.calls == 1:
            return {}
        assert self._cancelled.wait(30)
        raise libraries.CommunicationError("canceled", code=7)

    def cancel(self) -> None:
        self._cancelled.set()

    def close(self) -> None:
        pass


def test_a_call_that_never_ends_is_cancelled_and_not_repeated() -> None:
    connection = Silent()
    library = SimpleNamespace(Connection=lambda **_: connection)
    caller = sdk.caller(LOGON, lambda: library, call_seconds=0.5)
    caller.call("RFC_PING")

    failed = failure(lambda: caller.call("RFC_READ_TABLE"))

    assert failed.trouble is Trouble.LOST
    assert "0.5 seconds" in failed.text
    assert connection.calls == 2


class TestInstallation:
    def test_without_saps_library_the_error_says_what_to_install_where(self) -> None:
        pytest.importorskip("pyrfcx")
        if sdk.available():
            pytest.skip("this machine has SAP's library")

        failed = failure(sdk.version)

        assert failed.trouble is Trouble.SETUP
        assert "SAPNWRFC_HOME" in failed.hint
        assert failure(lambda: sdk.caller(LOGON).call("RFC_PING")).trouble is Trouble.SETUP

    def test_a_library_of_another_kind_of_machine_is_told_apart(self) -> None:
        error = type("SdkNotFoundError", (Exception,), {})("libsapnwrfc.so: wrong ELF class: ELFCLASS32")

        failed = sdk.judge(error, "", sent=False)

        assert "64 bits" in failed.text
        assert "64 bits" in failed.hint

    def test_a_python_package_that_is_missing_is_named(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setitem(__import__("sys").modules, "pyrfcx", None)
        monkeypatch.setitem(__import__("sys").modules, "saprfclib", None)

        assert "pip install" in failure(sdk.version).hint
        assert "3.12" in failure(native.version).hint
        assert not sdk.available()
        assert not native.available()


@pytest.mark.parametrize("judge", [sdk.judge, native.judge])
@pytest.mark.parametrize(
    "error", [ConnectionRefusedError(111, "refused"), TimeoutError("slow"), OSError("no route")]
)
def test_an_error_of_the_system_itself_is_the_networks(judge: Any, error: OSError) -> None:
    assert judge(error, "", sent=False).trouble is Trouble.UNREACHED
    assert judge(error, "F", sent=True).trouble is Trouble.LOST


def test_a_parameter_that_the_function_does_not_have_is_no_broken_line() -> None:
    error = ValueError(
        "BAPI_X: parameter(s) NOPE are not in the function interface; known parameters are RETURN"
    )
    failed = native.judge(error, "BAPI_X", sent=True)

    assert failed.trouble is Trouble.EXCEPTION
    assert "NOPE" in failed.text


def test_a_connection_whose_answer_could_not_be_read_is_not_used_again() -> None:
    """The library says so of each further call on it, for ever."""
    opened: list[Any] = []

    class Confused:
        def call(self, _function: str, **_: Any) -> dict[str, Any]:
            if len(opened) == 1:
                raise ValueError("malformed TLV: tag 0x0203 length 900 exceeds remaining payload (4 bytes)")
            return {}

        def close(self) -> None:
            pass

    def connect(**_: Any) -> Any:
        opened.append(Confused())
        return opened[-1]

    caller = native.caller(LOGON, lambda: SimpleNamespace(connect=connect))
    assert failure(lambda: caller.call("RFC_PING")).trouble is Trouble.FAILURE
    caller.call("RFC_PING")

    assert len(opened) == 2


def test_a_user_who_may_not_even_be_pinged_lacks_an_authorisation() -> None:
    error = libraries.NativeAbapApplicationError("RFC_NO_AUTHORITY", "No RFC authorization", "", "")

    assert isinstance(translate(native.judge(error, "", sent=False)), NotPermitted)


def test_values_are_handed_over_as_the_libraries_take_them() -> None:
    given = {"D": date(2026, 1, 31), "T": time(10, 11, 12), "F": True, "L": [{"D": date(1, 1, 1)}], "N": None}

    assert _plain(given) == {"D": "20260131", "T": "101112", "F": "X", "L": [{"D": "00010101"}]}
    with pytest.raises(TypeError):
        _plain({"M": __import__("datetime").datetime(2026, 1, 31)})

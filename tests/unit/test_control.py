from __future__ import annotations

import asyncio
import json
import os
import pwd
import stat
import sys
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from agent import control
from agent.audit import who
from agent.audit.trail import Actor, Origin
from agent.audit.who import Peer, current_actor
from agent.control import (
    ControlClient,
    ControlServer,
    Handler,
    NoAgentRunning,
    error_document,
    error_from,
    is_running,
)
from agent.errors import (
    ERRORS_BY_CODE,
    AlreadyRunning,
    CredentialsRefused,
    GroundwireError,
    StorageDamaged,
    Throttled,
    Unreachable,
)
from agent.secrets import SecretRef, resolve

Serve = Callable[[Mapping[str, Handler]], AbstractAsyncContextManager[ControlClient]]


@asynccontextmanager
async def served(
    state_dir: Path, handlers: Mapping[str, Handler], **options: Any
) -> AsyncIterator[ControlClient]:
    server = ControlServer(handlers, state_dir, **options)
    task = asyncio.ensure_future(server.serve())
    await asyncio.wait(
        {task, asyncio.ensure_future(server.listening.wait())}, return_when=asyncio.FIRST_COMPLETED
    )
    if task.done():
        task.result()
    try:
        yield ControlClient(state_dir)
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


@pytest.fixture(params=["socket file", "loopback port"])
def state_dir(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A folder whose path fits a Unix socket, and one whose path does not."""
    return tmp_path / "s" if request.param == "socket file" else tmp_path / ("deep" * 30)


async def echo(args: dict[str, Any], progress: control.Progress) -> Any:
    for number in range(3):
        progress({"step": number})
    return {"echo": args}


async def test_a_call_brings_its_progress_in_order_and_then_its_result(state_dir: Path) -> None:
    async with served(state_dir, {"echo": echo}) as client:
        replies = [(reply.is_result, reply.value) async for reply in client.call("echo", {"a": 1})]

    assert replies == [
        (False, {"step": 0}),
        (False, {"step": 1}),
        (False, {"step": 2}),
        (True, {"echo": {"a": 1}}),
    ]


async def test_an_error_comes_back_as_its_own_class(state_dir: Path) -> None:
    async def refuse(_args: dict[str, Any], _progress: control.Progress) -> Any:
        raise CredentialsRefused("no", where="aw", hint="mend it")

    async with served(state_dir, {"sync": refuse}) as client:
        with pytest.raises(CredentialsRefused) as caught:
            await client.ask("sync")

    assert (caught.value.message, caught.value.where, caught.value.hint) == ("no", "aw", "mend it")


async def test_a_bug_in_a_handler_tells_nothing_but_that(state_dir: Path) -> None:
    async def broken(_args: dict[str, Any], _progress: control.Progress) -> Any:
        raise RuntimeError("canary")

    async with served(state_dir, {"sync": broken, "echo": echo}) as client:
        with pytest.raises(Exception, match="unexpected fault") as caught:
            await client.ask("sync")

        assert await client.ask("echo") == {"echo": {}}
    assert "canary" not in f"{caught.value}"


async def test_an_answer_that_is_no_text_of_any_language_is_given_as_far_as_it_is(state_dir: Path) -> None:
    """A source's text may hold half a surrogate pair; the agent outlives it, and the operator sees the rest."""

    async def torn(_args: dict[str, Any], progress: control.Progress) -> Any:
        progress({"name": "tabl\udc80"})
        return {"name": "tabl\ud800", "größe": 2**70}

    async with served(state_dir, {"torn": torn, "echo": echo}) as client:
        replies = [reply.value async for reply in client.call("torn")]
        again = await client.ask("echo", {"a": 1})

    assert replies == [{"name": "tabl?"}, {"name": "tabl?", "größe": 2**70}]
    assert again == {"echo": {"a": 1}}


async def test_an_answer_that_cannot_be_written_ends_its_client_alone(state_dir: Path) -> None:
    async def endless(_args: dict[str, Any], _progress: control.Progress) -> Any:
        answer: dict[str, Any] = {}
        answer["answer"] = answer
        return answer

    async with served(state_dir, {"endless": endless, "echo": echo}) as client:
        with pytest.raises(Unreachable):
            await client.ask("endless")

        assert await client.ask("echo", {"a": 1}) == {"echo": {"a": 1}}


async def test_without_an_agent_the_error_says_so(state_dir: Path) -> None:
    assert not await is_running(state_dir)
    with pytest.raises(NoAgentRunning) as caught:
        await ControlClient(state_dir).ask("status")

    assert "groundwire run" in caught.value.hint


async def test_what_a_killed_agent_left_behind_is_no_agent_and_does_not_stop_the_next(
    state_dir: Path,
) -> None:
    state_dir.mkdir(parents=True)
    if len(os.fsencode(state_dir)) < 90:
        leftover = control._listen_on_file(state_dir / control.SOCKET_FILE)
        leftover.close()
    else:
        control._write_address(state_dir / control.ADDRESS_FILE, 1, "old")

    assert not await is_running(state_dir)
    async with served(state_dir, {"echo": echo}) as client:
        assert await client.ask("echo") == {"echo": {}}


async def test_a_second_agent_on_the_same_folder_is_refused(state_dir: Path) -> None:
    async with served(state_dir, {"echo": echo}) as client:
        with pytest.raises(AlreadyRunning):
            await ControlServer({}, state_dir).serve()

        assert await client.ask("echo") == {"echo": {}}


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no mode bits")
async def test_only_the_agents_user_can_open_the_door(state_dir: Path) -> None:
    async with served(state_dir, {"echo": echo}):
        (door,) = state_dir.iterdir()

        assert stat.S_IMODE(door.stat().st_mode) == 0o600
    assert list(state_dir.iterdir()) == []


@asynccontextmanager
async def raw(state_dir: Path) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter, str]]:
    async with control._connected(state_dir) as connection:
        yield connection


@pytest.mark.parametrize(
    "line",
    [
        b"{}\n",
        b"nonsense\n",
        b"[]\n",
        b'{"call": "none"}\n',
        b'{"call": 3}\n',
        b'{"call": "echo", "args": []}\n',
        b"\xff\n",
    ],
)
async def test_a_bad_request_gets_an_error_and_leaves_the_server_whole(state_dir: Path, line: bytes) -> None:
    async with served(state_dir, {"echo": echo}) as client:
        async with raw(state_dir) as (reader, writer, _):
            writer.write(line)
            answer = json.loads(await reader.readline())

        assert answer["error"]["code"] == "bad_request"
        assert await client.ask("echo") == {"echo": {}}


async def test_a_request_without_end_is_let_go(state_dir: Path) -> None:
    async with served(state_dir, {"echo": echo}) as client:
        async with raw(state_dir) as (reader, writer, _):
            writer.write(b"x" * (control.MAX_REQUEST_BYTES * 4))
            answer = await _quietly(reader)

        assert answer == b""
        assert await client.ask("echo") == {"echo": {}}


async def _quietly(reader: asyncio.StreamReader) -> bytes:
    try:
        return await reader.read()
    except ConnectionError:
        return b""


async def test_a_loopback_port_asks_for_its_token(tmp_path: Path) -> None:
    folder = tmp_path / ("deep" * 30)
    async with served(folder, {"echo": echo}), raw(folder) as (reader, writer, _):
        writer.write(b'{"call": "echo", "args": {}, "token": "guess"}\n')

        assert "token" in json.loads(await reader.readline())["error"]["message"]


async def test_work_ends_when_the_client_leaves(state_dir: Path) -> None:
    started, ended = asyncio.Event(), asyncio.Event()

    async def long(_args: dict[str, Any], _progress: control.Progress) -> Any:
        started.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    async with served(state_dir, {"long": long}):
        async with raw(state_dir) as (_, writer, token):
            writer.write(json.dumps({"call": "long", "token": token}).encode() + b"\n")
            await started.wait()
        await asyncio.wait_for(ended.wait(), 30)


async def test_of_too_much_progress_the_newest_survives(state_dir: Path) -> None:
    async def chatty(_args: dict[str, Any], progress: control.Progress) -> Any:
        for number in range(control.MAX_WAITING_PROGRESS * 3):
            progress(number)

    async with served(state_dir, {"chatty": chatty}) as client:
        seen = [reply.value async for reply in client.call("chatty") if not reply.is_result]

    assert seen == sorted(seen)
    assert seen[-1] == control.MAX_WAITING_PROGRESS * 3 - 1
    assert len(seen) <= control.MAX_WAITING_PROGRESS


async def test_a_plain_file_in_the_sockets_place_is_not_removed(tmp_path: Path) -> None:
    (tmp_path / control.SOCKET_FILE).write_text("precious")

    with pytest.raises(StorageDamaged):
        await ControlServer({}, tmp_path).serve()

    assert (tmp_path / control.SOCKET_FILE).read_text() == "precious"


async def test_an_agent_that_stops_in_mid_answer_is_an_error_and_not_a_traceback(tmp_path: Path) -> None:
    started = asyncio.Event()

    async def never(_args: dict[str, Any], _progress: control.Progress) -> Any:
        started.set()
        await asyncio.Event().wait()

    async with served(tmp_path / "s", {"never": never}) as client:
        asking = asyncio.ensure_future(client.ask("never"))
        await started.wait()

    with pytest.raises(Unreachable):
        await asking


@pytest.mark.parametrize("code", sorted(ERRORS_BY_CODE))
def test_every_error_passes_as_itself(code: str) -> None:
    kind = ERRORS_BY_CODE[code]
    error = (
        kind("m", retry_after=3.0, where="w", hint="h")
        if kind is Throttled
        else kind("m", where="w", hint="h")
    )

    back = error_from(json.loads(json.dumps(error_document(error))))

    assert (type(back), back.code, back.message, back.where, back.hint) == (kind, code, "m", "w", "h")


def test_an_error_of_unknown_code_keeps_it() -> None:
    assert error_from({"code": "brand_new", "message": "m"}).code == "brand_new"


def test_an_error_document_masks_secrets(tmp_path: Path) -> None:
    resolve(SecretRef("env", "A"), state_dir=tmp_path, environ={"A": "canary-control-3"})

    document = error_document(
        CredentialsRefused("pw canary-control-3", where="canary-control-3", hint="canary-control-3")
    )

    assert "canary" not in json.dumps(document)


async def test_a_handler_knows_which_user_of_this_host_asks(state_dir: Path) -> None:
    async def tell(_args: dict[str, Any], _progress: control.Progress) -> Any:
        await asyncio.sleep(0)  # noqa: TID251 - behind a turn of the loop it is still the same caller
        return str(control.caller())

    async with served(state_dir, {"who": tell}) as client:
        answer = await client.ask("who")

    assert answer == str(current_actor())
    assert current_actor().name.startswith(pwd.getpwuid(os.geteuid()).pw_name)


async def test_a_wrong_token_is_told_of_and_answered_with_nothing_more(tmp_path: Path) -> None:
    told: list[tuple[Actor, str]] = []

    async def denied(actor: Actor, why: str) -> None:
        told.append((actor, why))

    folder = tmp_path / ("deep" * 30)
    async with served(folder, {"echo": echo}, denied=denied) as client:
        document = json.loads((folder / control.ADDRESS_FILE).read_text())
        (folder / control.ADDRESS_FILE).write_text(json.dumps({**document, "token": "guess"}))

        with pytest.raises(GroundwireError, match="no valid token"):
            await client.ask("echo")

    assert told == [(Actor(Origin.LOCAL, "unknown"), "token")]


async def test_another_user_is_told_of_and_sent_away(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[str] = []

    async def denied(actor: Actor, why: str) -> None:
        told.append(f"{actor.name}: {why}")

    monkeypatch.setattr(control, "peer_of", lambda _: Peer(pid=1, uid=65_533))
    async with served(tmp_path / "s", {"echo": echo}, denied=denied) as client:
        with pytest.raises(GroundwireError, match="only the agent's own user"):
            await client.ask("echo")

    assert told == ["uid 65533: user"]


def test_who_logged_in_is_named_behind_the_user_that_he_became(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(who, "_login_uid", lambda _: 65_533)

    assert who.actor_of(Peer(pid=1, uid=0)).name == "root (uid 65533)"

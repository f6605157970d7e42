"""How the systems are tried: as `groundwire check` tries them, within their time, and no refused password again."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from agent.control import ControlServer, Handler
from agent.credentials.refused import Offered, RefusedCredentials
from agent.doctor import credentials, sources
from agent.errors import CredentialsRefused
from agent.findings import Level
from tests.canaries import canary
from tests.premises import Premises
from tests.servers import free_port


@pytest.fixture
def site(tmp_path: Path) -> Premises:
    return Premises(tmp_path)


def step(name: str, code: str, *, stream: str = "") -> dict[str, Any]:
    return {
        "name": name,
        "ok": False,
        "detail": "it failed",
        "hint": "Do it.",
        "stream": stream,
        "code": code,
    }


async def test_a_sandbox_works_to_its_last_step_and_nothing_is_written(site: Premises) -> None:
    before = sorted(path.name for path in site.state.iterdir())
    found = await site.ask(sources.CHECK)

    assert set(found) == {"sources.ok"}
    assert sorted(path.name for path in site.state.iterdir()) == before


async def test_a_host_that_does_not_answer_is_told_before_a_driver_is_started(site: Premises) -> None:
    options = {"connection": {"Driver": "None At All", "Server": "127.0.0.1", "Port": free_port()}}
    site.connect("erp", {"driver": "odbc", "options": options})
    found = await site.ask(sources.CHECK, connection="erp")

    assert set(found) == {"sources.unreachable"}
    assert "connections/erp.toml" in found["sources.unreachable"].next_step


async def test_credentials_that_were_refused_are_not_tried_again(site: Premises, tmp_path: Path) -> None:
    file = tmp_path / "password.secret"
    file.write_text(canary("-refused"))
    file.chmod(0o600)
    site.connect("erp", {"driver": "odbc", "options": {"connection": {}}, "secrets": {"Pwd": f"file:{file}"}})
    (connection,) = (await site.look(connection="erp")).connections
    offered = Offered.of(connection, {"Pwd": file.read_text()})
    RefusedCredentials(site.state).remember(offered, CredentialsRefused("no", where="erp"))
    found = await site.ask(sources.CHECK, credentials.CHECK, connection="erp")

    assert found["sources.untried"].level is Level.NOTICE
    assert found["credentials.refused"].level is Level.PROBLEM
    assert "groundwire secret set" in found["credentials.refused"].next_step


class TestRunningAgent:
    """A running agent tries its connections itself."""

    @pytest.mark.parametrize(
        ("failed", "code"),
        [
            (step("host name", "unreachable"), "unreachable"),
            (step("sign-in", "credentials_refused"), "credentials"),
            (step("stream a", "not_permitted", stream="a"), "permission"),
            (step("stream a", "source_changed", stream="a"), "changed"),
            (step("mapping of a", "record", stream="a"), "mapping"),
            (step("mapping of a", "configuration", stream="a"), "mapping"),
            (step("odbc driver", "configuration"), "options"),
            (step("odd", "source_busy"), "failed"),
        ],
        ids=lambda value: value if isinstance(value, str) else value["code"],
    )
    async def test_each_failed_step_is_a_finding_with_its_hint(
        self, site: Premises, failed: dict[str, Any], code: str
    ) -> None:
        found = await self.ask(site, {"steps": [{**failed, "ok": True, "code": ""}, failed]})

        assert set(found) == {f"sources.{code}", "sources.ok"}
        assert found[f"sources.{code}"].cause == "it failed"
        assert found[f"sources.{code}"].next_step == "Do it."
        assert found[f"sources.{code}"].where.startswith("box/a: " if failed["stream"] else "box: ")

    async def ask(self, site: Premises, answer: dict[str, Any]) -> dict[str, Any]:
        async def check(args: dict[str, Any], _progress: Any) -> dict[str, Any]:
            assert args == {"connection": "box"}
            return answer

        handlers: dict[str, Handler] = {"check": check}
        server = ControlServer(handlers, site.state)
        task = asyncio.ensure_future(server.serve())
        try:
            await server.listening.wait()
            return await site.ask(sources.CHECK, running=True, status={"connections": []})
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


async def test_a_connection_that_takes_too_long_is_a_warning(
    site: Premises, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sources, "SOURCE_SECONDS", 0.001)

    assert await site.bad(sources.CHECK) == {"sources.slow"}

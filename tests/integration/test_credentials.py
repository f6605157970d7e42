"""The life of credentials: refused once and left alone, tried before they are stored, in force without a restart.

Everything but the source is real: vault, files, child processes, control socket, audit log, debug log.
"""

from __future__ import annotations

import asyncio
import io
import json
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest
import structlog

from agent.audit.log import AuditLog
from agent.audit.trail import Actor, Origin
from agent.calls.secrets import SecretCalls
from agent.clock import SystemClock
from agent.configuration.load import load
from agent.configuration.watch import ConfigWatcher
from agent.connections import Connections
from agent.control import ControlClient, ControlServer
from agent.credentials.access import Access
from agent.credentials.changes import SecretChanges
from agent.errors import ConfigurationError, CredentialsRefused, GroundwireError, Unreachable
from agent.model.run import RunTrigger
from agent.outbox.store import Outbox
from agent.policy.leave import EVERYTHING, LeaveFilter
from agent.reloads import Reloads
from agent.secrets import Secret
from agent.sync.runner import RunResult
from agent.telemetry.logging import configure_logging
from tests.canaries import betrayed, canary

CHILD = (sys.executable, "-m", "tests.integration.hosting_support.signing_child")
ANNA = Actor(Origin.LOCAL, "anna")
RIGHT, WRONG = canary("-right-7"), canary("-wrong-8")


def everything(connection: str, entity: str, *, send_raw: bool = False) -> LeaveFilter:
    return EVERYTHING


class Site:
    driver_command: tuple[str, ...] = CHILD

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.source = folder / "source.json"
        self.know(password=RIGHT)
        self.connect("secret:erp-pw")
        (folder / "agent.toml").write_text('[agent]\nname = "berlin"\nstate_dir = "state"\n')
        self.settings = load(folder, environ={})

    def connect(self, ref: str, mode: str = "") -> None:
        (self.folder / "connections").mkdir(exist_ok=True)
        (self.folder / "connections" / "erp.toml").write_text(
            'driver = "signing"\n[sync]\nmanual = true\n'
            f'[options]\nsource = "{self.source}"\nmode = "{mode}"\n[secrets]\npassword = "{ref}"\n'
            '[streams.vendors]\nentity = "vendor"\n[streams.vendors.map]\nname = "name"\n'
            '[streams.others]\nentity = "vendor"\n[streams.others.map]\nname = "name"\n'
        )

    def know(self, **state: Any) -> None:
        self.source.write_text(json.dumps(state))

    @property
    def asked(self) -> int:
        """How often somebody wanted to be let in since `know`."""
        return int(json.loads(self.source.read_text()).get("asked", 0))

    @asynccontextmanager
    async def agent(self) -> AsyncIterator[Agent]:
        clock = SystemClock()
        settings = load(self.folder, environ={})
        trail = AuditLog(settings.state_dir, clock=clock, retention=settings.audit.retention)
        async with (
            await Outbox.open(self.folder / "outbox.db", clock=clock) as outbox,
            asyncio.TaskGroup() as group,
        ):
            access = Access(
                settings.limits, settings.state_dir, clock, audit=trail, driver_command=self.driver_command
            )
            connections = Connections(
                outbox,
                clock,
                settings.limits,
                settings.state_dir,
                lambda: None,
                access=access,
                leaving=everything,
            )
            watcher = ConfigWatcher(settings, clock)
            reloads = Reloads(watcher, connections, group, trail, clock)

            async def put_in_force(users: Any) -> None:
                await reloads.restart(*users)

            changes = SecretChanges(lambda: watcher.settings, access, trail, clock, apply=put_in_force)
            control = group.create_task(
                ControlServer(SecretCalls(changes).handlers(), settings.state_dir).serve()
            )
            await connections.start(settings.connections["erp"], group)
            try:
                yield Agent(connections, changes, reloads, settings.state_dir)
            finally:
                control.cancel()
                await connections.stop_all()
                await trail.aclose()

    def audited(self) -> list[str]:
        lines = [
            json.loads(line)
            for path in sorted((self.folder / "state" / "audit").rglob("*"))
            if path.is_file()
            for line in path.read_text().splitlines()
            if line.startswith("{")
        ]
        return [line["action"] for line in lines if "action" in line]


class Agent:
    def __init__(
        self, connections: Connections, changes: SecretChanges, reloads: Reloads, state: Path
    ) -> None:
        self.connections, self.changes, self.reloads, self.state = connections, changes, reloads, state

    async def sync(self, trigger: RunTrigger = RunTrigger.MANUAL) -> list[RunResult]:
        wanted = self.connections.choose("erp")
        return list(await asyncio.gather(*self.connections.start_syncs(wanted, trigger, full=False)))

    @property
    def status(self) -> str:
        (status,) = self.connections.connections()
        return str(status["state"])

    async def until(self, status: str) -> None:
        async with asyncio.timeout(30):
            while self.status != status:
                await asyncio.sleep(0.01)  # noqa: TID251 - waits for a real process


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path)


async def keep(site: Site, value: str) -> None:
    async with site.agent() as agent:
        await agent.changes.set("erp-pw", Secret(value), ANNA, force=True)


async def test_refused_credentials_are_tried_once_and_told_once(site: Site) -> None:
    await keep(site, WRONG)
    site.know(password=RIGHT)
    site.settings.state_dir.joinpath("refused.json").unlink()

    async with site.agent() as agent:
        results = await agent.sync()
        agent.connections.named("erp").supervisor.look("others")

        assert [type(result.error) for result in results] == [CredentialsRefused, CredentialsRefused]
        assert agent.status == "needs_reauthorisation"
        with pytest.raises(CredentialsRefused):
            await agent.sync(RunTrigger.COMMAND)
        with pytest.raises(CredentialsRefused):
            agent.connections.aside("erp")
    assert site.asked == 1
    assert site.audited().count("credentials_refused") == 1


async def test_a_restart_of_the_agent_does_not_try_refused_credentials_again(site: Site) -> None:
    await keep(site, RIGHT)
    site.know(password="another by now")
    async with site.agent() as agent:
        await agent.sync()
    site.know(password="another by now")

    async with site.agent() as agent:
        agent.connections.named("erp").supervisor.look("vendors")
        await agent.reloads.restart("erp")

        assert agent.status == "needs_reauthorisation"
        with pytest.raises(CredentialsRefused):
            agent.connections.require_credentials("erp")
    assert site.asked == 0
    assert site.audited().count("credentials_refused") == 1


async def test_a_person_at_the_host_may_try_and_then_everything_goes_on(site: Site) -> None:
    await keep(site, RIGHT)
    site.know(password="expired")
    async with site.agent() as agent:
        await agent.sync()
    site.know(password=RIGHT)

    async with site.agent() as agent:
        driver = agent.connections.make_driver(agent.connections.named("erp").settings)
        await driver.check()
        await driver.aclose()

        await agent.until("idle")
        agent.connections.require_credentials("erp")
    async with site.agent() as agent:
        agent.connections.require_credentials("erp")
    assert site.audited().count("credentials_restored") == 1


async def test_other_options_are_other_credentials(site: Site, tmp_path: Path) -> None:
    await keep(site, WRONG)
    site.know(password=RIGHT)
    site.connect("secret:erp-pw", mode="other")

    async with site.agent() as agent:
        agent.connections.require_credentials("erp")


async def test_a_value_that_a_source_refuses_is_not_stored(site: Site) -> None:
    await keep(site, RIGHT)
    site.know(password=RIGHT)
    async with site.agent() as agent:
        with pytest.raises(CredentialsRefused) as caught:
            await agent.changes.set("erp-pw", Secret(WRONG), ANNA)

        assert caught.value.where == "erp"
        assert site.asked == 1
        await agent.sync()
        assert agent.status == "idle"


async def test_a_forced_value_that_was_refused_a_moment_ago_is_not_tried_at_once(site: Site) -> None:
    async with site.agent() as agent:
        answer = await agent.changes.set("erp-pw", Secret(WRONG), ANNA, force=True)

        assert answer["tried"]["erp"]["outcome"] == "refused"
        assert agent.status == "needs_reauthorisation"
        assert site.asked == 1


async def test_a_new_value_is_tried_stored_and_the_work_goes_on_without_a_restart(site: Site) -> None:
    await keep(site, WRONG)
    site.know(password=RIGHT)
    async with site.agent() as agent:
        assert agent.status == "needs_reauthorisation"

        answer = await ControlClient(agent.state).ask("secret_set", {"name": "erp-pw", "value": RIGHT})

        assert answer["tried"]["erp"]["outcome"] == "works"
        assert [result.error for result in await agent.sync()] == [None, None]
        assert agent.status == "idle"
    assert site.audited().count("credentials_restored") == 1


async def test_a_value_that_could_not_be_tried_is_stored_and_said_to_be_untested(site: Site) -> None:
    site.know(password=RIGHT, away=True)
    async with site.agent() as agent:
        answer = await agent.changes.set("erp-pw", Secret(RIGHT), ANNA)

        assert answer["tried"]["erp"]["outcome"] == "untested"
        assert "nobody answers" in answer["tried"]["erp"]["why"]
        site.know(password=RIGHT)
        assert [result.error for result in await agent.sync()] == [None, None]


async def test_a_changed_file_is_tried_once(site: Site, tmp_path: Path) -> None:
    file = tmp_path / "password.secret"
    file.write_text(WRONG)
    file.chmod(0o600)
    site.connect(f"file:{file}")
    async with site.agent() as agent:
        await agent.sync()
        assert agent.status == "needs_reauthorisation"
        file.write_text(RIGHT)

        reload = await agent.reloads.now()

        assert reload.changes.changed == ("erp",)
        assert [result.error for result in await agent.sync(RunTrigger.COMMAND)] == [None, None]


async def test_a_source_that_is_away_says_nothing_about_the_credentials(site: Site) -> None:
    await keep(site, RIGHT)
    site.know(password=RIGHT, away=True)
    async with site.agent() as agent:
        results = await agent.sync()

        assert all(isinstance(result.error, Unreachable) for result in results)
        agent.connections.require_credentials("erp")


async def test_a_secret_in_use_is_removed_only_by_force(site: Site) -> None:
    await keep(site, RIGHT)
    async with site.agent() as agent:
        with pytest.raises(ConfigurationError, match="in use by: erp"):
            await agent.changes.remove("erp-pw", ANNA)
        assert await agent.changes.remove("erp-pw", ANNA, force=True)
        assert not await agent.changes.remove("erp-pw", ANNA, force=True)
    assert "secret_removed" in site.audited()


async def test_nothing_that_leaves_the_agent_holds_a_secret(
    site: Site, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """Canaries: the right and the wrong password, the passphrase, through a refusal, a crash and a talkative driver."""
    passphrase = canary(" is a passphrase of seven words")
    output = io.StringIO()
    configure_logging(level="debug", format="json", stream=output)
    told: list[str] = []
    try:
        async with site.agent() as agent:
            client = ControlClient(agent.state)

            async def ask(call: str, args: Mapping[str, Any]) -> None:
                try:
                    told.append(json.dumps(await client.ask(call, args)))
                except GroundwireError as error:
                    told.append(f"{error} {error.hint} {error!r}")

            await ask("secret_set", {"name": "erp-pw", "value": WRONG})
            await ask("secret_set", {"name": "erp-pw", "value": RIGHT})
            await ask("secret_list", {})
            await ask("secret_export", {"passphrase": passphrase})
            await ask("secret_import", {"content": "AAAA", "passphrase": passphrase, "where": "x"})
            await agent.sync()
            told += _seen_from_outside()
            for mode in ("crash", "talkative"):
                site.connect("secret:erp-pw", mode)
                await agent.reloads.now()
                await agent.sync()
                told.append(json.dumps(agent.connections.local_status(), default=str))
    finally:
        structlog.reset_defaults()
    told += [output.getvalue(), *capfd.readouterr()]
    told += [
        path.read_bytes().decode("latin-1") for path in (site.folder / "state").rglob("*") if path.is_file()
    ]

    assert [text for text in told if betrayed(text)] == []
    assert "driver_printed" in output.getvalue()
    assert "driver_raised" in output.getvalue()


def _seen_from_outside() -> list[str]:
    children = psutil.Process().children()
    assert children
    return [f"{child.cmdline()} {child.environ()}" for child in children]

"""The websocket server that agents connect to, and who is connected."""

from __future__ import annotations

import asyncio
import logging
from typing import Final

import structlog
from websockets.asyncio.server import Server, ServerConnection, serve

from agent.clock import Clock
from agent.errors import ConfigurationError
from agent.protocol.faults import HANDSHAKE_SECONDS, MAX_CONTROL_BYTES
from relay.agent_link import AgentLink
from relay.descriptors import make_room
from relay.door import Door
from relay.ingest import Ingest
from relay.lifecycle import Command
from relay.members import Members, Own
from relay.observing import Observer
from relay.settings import Gateway as GatewaySettings
from relay.store.base import Store
from relay.tls import server_context
from relay.usage import Prices
from relay.watch import CommandWatch

log = structlog.get_logger()

DRAIN_SECONDS: Final = 12.0  # for agents to collect their acks and go; the whole shutdown has 25
CLOSE_SECONDS: Final = 3.0  # for a websocket's closing handshake
BACKLOG: Final = 512  # of connections that this process has not looked at yet
QUEUED_FRAMES: Final = 2  # per socket; what the session has not read stays with the sender
QUIET_LOGGER: Final = "relay.websockets"  # its lines hold peers' request heads; ours say what matters


class Gateway:
    def __init__(
        self,
        settings: GatewaySettings,
        *,
        name: str,
        store: Store,
        ingest: Ingest,
        members: Members,
        waiters: CommandWatch,
        clock: Clock,
        observer: Observer | None = None,
        prices: Prices | None = None,
    ) -> None:
        self._observer = observer or Observer()
        self._prices = prices
        self._settings = settings
        self._name = name
        self._store = store
        self._ingest = ingest
        self._members = members
        self._waiters = waiters
        self._clock = clock
        self._server: Server | None = None
        self._most = settings.max_sessions
        self._door = Door(
            settings,
            clock=clock,
            observer=self._observer,
            has_room=lambda: len(self._links) < self._most,
        )
        self._links: dict[AgentLink, ServerConnection] = {}  # in the order in which they came
        self._agents: dict[str, AgentLink] = {}
        self._empty = asyncio.Event()
        self._empty.set()

    async def start(self) -> None:
        self._most = make_room(self._settings.max_sessions)
        tls = self._settings.tls
        logger = logging.getLogger(QUIET_LOGGER)
        logger.propagate = False
        logger.addHandler(logging.NullHandler())
        try:
            self._server = await serve(
                self.serve_one,
                self._settings.host,
                self._settings.port,
                ssl=None if tls is None else server_context(tls),
                ssl_handshake_timeout=None if tls is None else HANDSHAKE_SECONDS,
                backlog=BACKLOG,
                create_connection=self._door.connection,  # type: ignore[arg-type] # made like its class
                process_request=self._door.let_in,
                compression=None,  # payloads are compressed; deflate takes a fifth of the speed for nothing
                ping_interval=None,  # the protocol has a heartbeat of its own
                open_timeout=HANDSHAKE_SECONDS,
                close_timeout=CLOSE_SECONDS,
                max_size=MAX_CONTROL_BYTES,
                max_queue=QUEUED_FRAMES,
                server_header=None,
                logger=logger,
            )
        except OSError as error:
            raise ConfigurationError(
                f"The gateway cannot listen on {self._settings.host}:{self._settings.port}: {error.strerror}",
                where="gateway.port",
                hint="Another program may use the port; choose another one in relay.toml.",
            ) from error

    @property
    def url(self) -> str:
        scheme = "ws" if self._settings.tls is None else "wss"
        host = "127.0.0.1" if self._settings.host == "0.0.0.0" else self._settings.host  # noqa: S104 - compared, not bound
        return f"{scheme}://{host}:{self.port}"

    @property
    def port(self) -> int:
        if self._server is None:
            return self._settings.port
        return int(next(iter(self._server.sockets)).getsockname()[1])

    @property
    def links(self) -> list[AgentLink]:
        return list(self._agents.values())

    def connected(self, agent_id: str) -> bool:
        """To this relay or another one."""
        return agent_id in self._agents or self._members.elsewhere(agent_id)

    @property
    def sessions(self) -> int:
        """Agents that are connected to this process."""
        return len(self._agents)

    async def dispatch(self, command: Command) -> bool:
        """Give a command to its agent now if it is here; otherwise it waits in the store for the relay that has it."""
        link = self._agents.get(command.agent)
        if link is not None and await link.send_command(command.id):
            return True
        self._members.announce(command.agent, command.id)
        return False

    def own(self) -> dict[str, Own]:
        """The confirmed sessions of this process, by agent."""
        return {agent: link.own for agent, link in self._agents.items() if link.own is not None}

    def supersede(self, agent: str, session: str) -> None:
        """The agent has a newer session at another relay."""
        link = self._agents.get(agent)
        if link is not None and link.id == session:
            link.supersede()

    async def send_waiting(self, agent: str, command: str) -> None:
        link = self._agents.get(agent)
        if link is not None:
            await link.send_command(command)

    def revoke(self, agent_id: str) -> None:
        """End the session of an agent whose identity is refused from now on."""
        link = self._agents.get(agent_id)
        if link is not None:
            link.end("identity_refused", "this agent was revoked")

    def arrived(self, link: AgentLink) -> None:
        if link.agent is None:
            return
        older = self._agents.get(link.agent.id)
        if older is not None:
            older.supersede()
        self._agents[link.agent.id] = link
        if link in self._links:
            self._door.goes(self._links[link])
        self._observer.agent_arrived(link.agent)

    def left(self, link: AgentLink) -> None:
        if link.agent is not None and self._agents.get(link.agent.id) is link:
            del self._agents[link.agent.id]
            self._observer.agent_left(link.agent)

    async def stop(self) -> None:
        """Take nobody new, let the connected collect their acks, then close."""
        if self._server is None:
            return
        self._server.close(close_connections=False)
        for link in list(self._links):
            link.drain()
        try:
            async with asyncio.timeout(DRAIN_SECONDS):
                await self._empty.wait()
        except TimeoutError:
            log.info("drain_cut_short", agents=len(self._links))
        self._server.close()
        for link in list(self._links):
            link.end("going_away", "the relay stops", retry_after=1.0)
        await self._server.wait_closed()

    async def serve_one(self, socket: ServerConnection) -> None:
        """One websocket's life, from its handshake to its end."""
        link = AgentLink(
            socket,
            relay=self._name,
            settings=self._settings,
            store=self._store,
            ingest=self._ingest,
            presence=self,
            members=self._members,
            waiters=self._waiters,
            clock=self._clock,
            observer=self._observer,
            prices=self._prices,
        )
        self._links[link] = socket
        self._empty.clear()
        try:
            await link.run()
        except Exception as error:  # websockets would write of it where nobody reads
            log.exception("session_crashed", link=repr(link), error=type(error).__name__)
            raise
        finally:
            self._links.pop(link, None)
            if not self._links:
                self._empty.set()

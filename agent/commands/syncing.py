"""`sync` and `resync`: streams of a connection read now; and `requeue`: records of dead letters read again."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any, ClassVar, Final, Protocol

from pydantic import AfterValidator, BaseModel, Field

from agent.commands.answers import told
from agent.commands.arguments import EntityName, KeyText, Name
from agent.commands.gate import JudgeCommand
from agent.commands.kind import ConnectionKind, OfConnection
from agent.commands.ports import Answer, Call, FieldFault, Refused, State
from agent.errors import ConfigurationError
from agent.model.run import RunReport, RunTrigger
from agent.outbox.store import StoredLetter
from agent.sync.runner import RunResult
from agent.sync.window import Since, read_since

MAX_STREAMS: Final = 100  # of one command
MAX_KEYS: Final = 500
LETTERS_AT_ONCE: Final = 1_000  # read from the outbox

Runs = list[asyncio.Future[RunResult]]


class Syncs(Protocol):
    """Starts runs. Everything raises a GroundwireError for what is not there, or cannot run."""

    watchers: set[Callable[[RunReport], None]]

    def choose(
        self, connection: str, streams: Sequence[str] | None = None, entities: Sequence[str] | None = None
    ) -> list[tuple[str, str]]: ...

    def require(self, wanted: Sequence[tuple[str, str]]) -> None: ...

    def require_credentials(self, name: str) -> None: ...

    def start_syncs(
        self,
        wanted: Sequence[tuple[str, str]],
        trigger: RunTrigger,
        *,
        full: bool,
        since: Since | None = None,
    ) -> Runs: ...

    def fetch(self, keys: Mapping[str, Sequence[str]], trigger: RunTrigger) -> Runs: ...


class Letters(Protocol):
    """The dead letters in the outbox."""

    async def dead_letters(
        self, stream: str | None = None, *, after_id: int = 0, limit: int = 100, with_raw: bool = False
    ) -> list[StoredLetter]: ...

    async def requeue(self, ids: Sequence[int]) -> dict[str, tuple[str, ...]]: ...


class SyncArguments(OfConnection):
    streams: list[Name] | None = Field(default=None, max_length=MAX_STREAMS)
    entities: list[EntityName] | None = Field(default=None, max_length=MAX_STREAMS)


def _readable(text: str) -> str:
    read_since(text)
    return text


class ResyncArguments(SyncArguments):
    since: Annotated[str, Field(max_length=40), AfterValidator(_readable)] | None = None


class RequeueArguments(OfConnection):
    keys: list[KeyText] | None = Field(default=None, max_length=MAX_KEYS)
    stream: Name | None = None


class Sync(ConnectionKind):
    name: ClassVar[str] = "sync"
    arguments: ClassVar[type[BaseModel]] = SyncArguments

    def __init__(self, syncs: Syncs, judge: JudgeCommand) -> None:
        super().__init__(judge)
        self._syncs = syncs

    async def prepare(self, arguments: SyncArguments) -> None:
        self._syncs.require(self._chosen(arguments))
        self._syncs.require_credentials(arguments.connection)

    async def run(self, call: Call, arguments: SyncArguments) -> Answer:
        wanted = self._chosen(arguments)
        return await followed(self._syncs, call, wanted, lambda: self._start(wanted, arguments))

    def _chosen(self, arguments: SyncArguments) -> list[tuple[str, str]]:
        """Raises Refused for a stream or an entity that the connection has not."""
        for field, streams, entities in (
            ("streams", arguments.streams, None),
            ("entities", None, arguments.entities),
        ):
            _refuse_absent(self._syncs, arguments.connection, field, streams, entities)
        return self._syncs.choose(arguments.connection, arguments.streams, arguments.entities)

    def _start(self, wanted: Sequence[tuple[str, str]], _arguments: SyncArguments) -> Runs:
        return self._syncs.start_syncs(wanted, RunTrigger.COMMAND, full=False)


class Resync(Sync):
    name: ClassVar[str] = "resync"
    arguments: ClassVar[type[BaseModel]] = ResyncArguments

    def _start(self, wanted: Sequence[tuple[str, str]], arguments: SyncArguments) -> Runs:
        text = arguments.since if isinstance(arguments, ResyncArguments) else None
        since = read_since(text) if text else None
        return self._syncs.start_syncs(wanted, RunTrigger.COMMAND, full=since is None, since=since)


class Requeue(ConnectionKind):
    name: ClassVar[str] = "requeue"
    arguments: ClassVar[type[BaseModel]] = RequeueArguments

    def __init__(self, syncs: Syncs, letters: Letters, judge: JudgeCommand) -> None:
        super().__init__(judge)
        self._syncs = syncs
        self._letters = letters

    async def prepare(self, arguments: RequeueArguments) -> None:
        self._syncs.require(self._streams(arguments))
        self._syncs.require_credentials(arguments.connection)
        if arguments.keys is not None and not await self._ids(arguments):
            raise Refused("not_found")

    async def run(self, call: Call, arguments: RequeueArguments) -> Answer:
        keys = await self._letters.requeue(await self._ids(arguments))
        wanted = [(arguments.connection, address.partition("/")[2]) for address in keys]
        answer = await followed(
            self._syncs, call, wanted, lambda: self._syncs.fetch(keys, RunTrigger.COMMAND)
        )
        return Answer(answer.state, {"requeued": sum(map(len, keys.values())), **answer.result})

    def _streams(self, arguments: RequeueArguments) -> list[tuple[str, str]]:
        """Raises Refused for a stream that the connection has not."""
        named = None if arguments.stream is None else [arguments.stream]
        _refuse_absent(self._syncs, arguments.connection, "stream", named, None)
        return self._syncs.choose(arguments.connection, [arguments.stream] if arguments.stream else None)

    async def _ids(self, arguments: RequeueArguments) -> list[int]:
        """Of the letters that are meant; all of the connection's where no key is named."""
        keys = None if arguments.keys is None else set(arguments.keys)
        found: list[int] = []
        for connection, stream in self._streams(arguments):
            last = 0
            while page := await self._letters.dead_letters(
                f"{connection}/{stream}", after_id=last, limit=LETTERS_AT_ONCE
            ):
                found += [letter.id for letter in page if keys is None or letter.key in keys]
                last = page[-1].id
        return found


def _refuse_absent(
    syncs: Syncs,
    connection: str,
    field: str,
    streams: Sequence[str] | None,
    entities: Sequence[str] | None,
) -> None:
    """Whoever asked is told which word of theirs it was; not what the connection has instead."""
    syncs.choose(connection)  # a connection that is not there is no matter of its streams
    try:
        syncs.choose(connection, streams, entities)
    except ConfigurationError:
        fault = FieldFault(field, "not_found", "the connection has nothing of this name")
        raise Refused("bad_arguments", (fault,)) from None


async def followed(
    syncs: Syncs, call: Call, wanted: Sequence[tuple[str, str]], start: Callable[[], Runs]
) -> Answer:
    """Start runs, tell how far each has come, and answer when all have ended; cancelled, the runs end too."""
    addresses = {f"{connection}/{stream}" for connection, stream in wanted}
    counts: dict[str, Any] = {}
    news = asyncio.Event()

    def watch(report: RunReport) -> None:
        if report.stream in addresses:
            counts[report.stream] = report.to_document()["counts"]
            news.set()

    async def tell() -> None:
        while True:
            await news.wait()
            news.clear()
            await call.progress({"streams": dict(counts)})

    syncs.watchers.add(watch)
    telling = asyncio.create_task(tell(), name="sync progress")
    try:
        results = await asyncio.gather(*start(), return_exceptions=True)
    finally:
        syncs.watchers.discard(watch)
        telling.cancel()
    done = [result for result in results if isinstance(result, RunResult)]
    if len(done) < len(results):  # the connection was stopped: its file was changed, or it was taken away
        return Answer(State.FAILED, {**told("interrupted"), "runs": [_told(result) for result in done]})
    errors = [result.error.code for result in done if result.error is not None]
    runs = {"runs": [_told(result) for result in done]}
    return Answer(State.FAILED, {"code": errors[0], **runs}) if errors else Answer(State.SUCCEEDED, runs)


def _told(result: RunResult) -> dict[str, Any]:
    """A run's outcome for the relay: numbers and the class of an error, never its words."""
    report = result.report
    return {
        "run": report.run,
        "stream": report.stream,
        "status": report.status.value,
        "counts": report.to_document()["counts"],
        "error": result.error.code if result.error else None,
    }

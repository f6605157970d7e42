"""Exports of one connection: begun, waited for, fetched, sorted, and kept while they are read.

A folder for each stream holds `export.json` (which export is under way, or kept) and one sorted file. An export is
taken up again, by a later call too or by the next process, only while none newer was begun for the stream and nothing
was imported through this connection: what it does not show cannot be known from anywhere else.
"""

from __future__ import annotations

import asyncio
import hashlib
import secrets
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Final

import msgspec

from drivers.contract import BadConfiguration, DriverError, SourceBusy, SourceChanged, Unreachable
from drivers.dmf.deadline import Deadline
from drivers.dmf.options import ConnectionOptions
from drivers.dmf.package import Package
from drivers.dmf.rows import rows_of
from drivers.dmf.service import Service, Status
from drivers.dmf.shape import COMPANY, StreamShape
from drivers.dmf.sorted_file import SortedFile, Sorter, open_sorted
from drivers.dmf.threads import to_its_end
from drivers.http.transport import NotSent

_STATE: Final = "export.json"


class State(msgspec.Struct):
    token: str
    shape: str
    begun: float  # seconds since 1970, of this host
    executions: dict[str, str] = msgspec.field(default_factory=dict)  # by company
    done: bool = False


class Exports:
    def __init__(
        self,
        service: Service,
        options: ConnectionOptions,
        folder: Path,
        *,
        now: Callable[[], float],
        make_deadline: Callable[[], Deadline],
    ) -> None:
        self._service = service
        self._options = options
        self._folder = folder
        self._now = now
        self._make_deadline = make_deadline
        self._one_at_a_time = asyncio.Lock()
        self._swept = False

    async def obtain(
        self,
        shape: StreamShape,
        *,
        token: str | None = None,
        purpose: str = "read",
        deadline: Deadline | None = None,
    ) -> tuple[SortedFile, str]:
        """A sorted export and its token. `token`: of the export that a read began with, if it is still kept.

        Raises SourceBusy when it takes longer than a call may wait; the next call takes the same export up.
        """
        async with self._one_at_a_time:
            await asyncio.to_thread(self._make_folder)
            place = self._place(shape.name, purpose)
            state = await asyncio.to_thread(self._kept, place, shape)
            if state is not None and state.done and state.token == token:
                with suppress(OSError):
                    return await asyncio.to_thread(open_sorted, self._file(place, state)), state.token
            if state is None or state.done:
                state = State(secrets.token_hex(12), shape.fingerprint, self._now())
            try:
                await self._made(shape, place, state, deadline or self._make_deadline())
            except (SourceChanged, BadConfiguration, _Lost):
                await asyncio.to_thread(self._forget, place)
                raise
            return await asyncio.to_thread(open_sorted, self._file(place, state)), state.token

    async def release(self, shape: StreamShape, token: str, purpose: str = "read") -> None:
        """The export is read to its end."""
        place = self._place(shape.name, purpose)
        state = await asyncio.to_thread(self._state, place)
        if state is not None and state.token == token:
            await asyncio.to_thread(self._forget, place)

    async def discard_all(self) -> None:
        """Something is imported: exports from before show what was."""
        async with self._one_at_a_time:
            await asyncio.to_thread(shutil.rmtree, self._folder, ignore_errors=True)

    # --- at the source

    async def _made(self, shape: StreamShape, place: Path, state: State, deadline: Deadline) -> None:
        for company in shape.companies:
            if company not in state.executions:
                if not state.executions:
                    await asyncio.to_thread(self._forget, place)  # a newer export replaces what was kept
                # Written down before it is begun: a lost reply, or the end of this process, begins no second one.
                state.executions[company] = f"groundwire-{state.token}-{len(state.executions)}"
                await asyncio.to_thread(self._write, place, state)
                await self._begun(shape, place, state.executions[company], company)
            await self._ended(shape, state.executions[company], deadline)
        await self._sorted(shape, place, state, deadline)
        state.done = True
        await asyncio.to_thread(self._write, place, state)

    async def _begun(self, shape: StreamShape, place: Path, execution: str, company: str) -> None:
        try:
            await self._service.export(shape.project, execution, company, where=f"{shape.where}.project")
        except DriverError as error:
            if isinstance(error, NotSent) or not isinstance(error, Unreachable):
                await asyncio.to_thread(self._forget, place)  # refused: there is nothing to wait for
            raise

    async def _ended(self, shape: StreamShape, execution: str, deadline: Deadline) -> None:
        where = f"{shape.where}.project"
        appears = self._now() + self._options.appear_seconds
        while True:
            status = await self._service.status(execution, where=where)
            if status is Status.SUCCEEDED:
                return
            if status is None and self._now() >= appears:
                raise _Lost(
                    f"Finance & Operations does not know the export {execution!r} that it was asked for",
                    where=where,
                    hint="It is begun anew by itself. If it lasts, see that the batch service runs.",
                )
            if status is not None and status.ended:
                raise await self._failed(shape, execution, status)
            if not await deadline.next_look():
                raise SourceBusy(
                    f"the export of {shape.project!r} still runs after {self._options.call_seconds:g} seconds",
                    where=where,
                    hint="The next run goes on with the same export. Where that is often so, raise options.call_seconds, "
                    "and driver_seconds_without_page in agent.toml above it.",
                )

    async def _failed(self, shape: StreamShape, execution: str, status: Status) -> SourceBusy:
        found = await self._service.errors(execution, where=shape.where)
        said = found[0].text if found else "no reason given"
        what = {
            Status.PARTIALLY: "succeeded in part only, so that records would be missing",
            Status.CANCELED: "was cancelled",
        }.get(status, "failed")
        return _Lost(
            f"the export {what}: {said}",
            where=f"{shape.where}.project",
            hint=f"See Data management > Job history for {execution}. It is begun anew by itself.",
        )

    async def _sorted(self, shape: StreamShape, place: Path, state: State, deadline: Deadline) -> None:
        sorter = await asyncio.to_thread(
            Sorter,
            self._file(place, state),
            shape,
            max_bytes=self._options.max_file_bytes,
            max_rows=self._options.max_rows,
            company_field=COMPANY,
        )
        package = place / f"{state.token}.zip"
        try:
            for company, execution in state.executions.items():
                await self._fetched(shape, execution, package, deadline)
                await to_its_end(partial(self._taken, shape, package, sorter, company), sorter.stop)
            await to_its_end(sorter.finish, sorter.stop)
        except BaseException:
            sorter.discard()
            raise
        finally:
            package.unlink(missing_ok=True)

    async def _fetched(self, shape: StreamShape, execution: str, path: Path, deadline: Deadline) -> None:
        where = f"{shape.where}.project"
        url = await self._service.package_url(execution, where=where)
        while not url:
            if not await deadline.next_look():
                raise SourceBusy(
                    "Finance & Operations has not put the package together yet",
                    where=where,
                    hint="The next run goes on with the same export.",
                )
            url = await self._service.package_url(execution, where=where)
        with _private(path) as write:
            await self._service.download(url, write, where=where)

    def _taken(self, shape: StreamShape, path: Path, sorter: Sorter, company: str) -> None:
        package = Package(path, limit=self._options.max_unpacked_bytes, where=shape.where)
        try:
            for number, entity in enumerate(shape.entities):
                package.check_full(entity.entity)
                with package.opened(entity.entity) as stream:
                    rows = rows_of(
                        stream,
                        sorter.columns(number),
                        fields=package.fields(entity.entity),
                        delimiter=self._options.delimiter,
                        encoding=self._options.encoding,
                        where=entity.where,
                    )
                    sorter.add(number, rows, None if shape.shared else company)
        finally:
            package.close()

    # --- on disk

    def _place(self, stream: str, purpose: str) -> Path:
        name = hashlib.sha256(f"{purpose} {stream}".encode()).hexdigest()[:32]
        return self._folder / name

    def _file(self, place: Path, state: State) -> Path:
        return place / f"{state.token}.db"

    def _make_folder(self) -> None:
        with _on_disk(self._folder):
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            if not self._swept:
                self._sweep()
                self._swept = True

    def _sweep(self) -> None:
        """What was left by a process that ended, or of a stream that is no more."""
        for place in self._folder.iterdir():
            state = self._state(place)
            if state is None or state.begun + self._options.keep_seconds < self._now():
                self._forget(place)

    def _kept(self, place: Path, shape: StreamShape) -> State | None:
        state = self._state(place)
        if state is None or state.shape != shape.fingerprint:
            return None
        return state if self._now() < state.begun + self._options.keep_seconds else None

    def _state(self, place: Path) -> State | None:
        try:
            return msgspec.json.decode((place / _STATE).read_bytes(), type=State)
        except (OSError, msgspec.MsgspecError):
            return None

    def _write(self, place: Path, state: State) -> None:
        with _on_disk(place):
            place.mkdir(exist_ok=True, mode=0o700)
            part = place / f"{_STATE}.part"
            with _private(part) as write:
                write(msgspec.json.encode(state))
            part.replace(place / _STATE)

    def _forget(self, place: Path) -> None:
        shutil.rmtree(place, ignore_errors=True)


class _Lost(SourceBusy):
    """This export comes to nothing; another one may."""


@contextmanager
def _private(path: Path) -> Iterator[Callable[[bytes], object]]:
    """A new file that nobody else may read."""
    path.unlink(missing_ok=True)
    with _on_disk(path.parent), path.open("xb") as file:
        path.chmod(0o600)

        def write(content: bytes) -> None:
            with _on_disk(path.parent):
                file.write(content)

        yield write


@contextmanager
def _on_disk(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise BadConfiguration(
            f"the folder for exports cannot be used: {error.strerror or error}",
            where="options.folder",
            hint=f"Let the account of the agent write to {folder}, and see that its disk has room.",
        ) from error

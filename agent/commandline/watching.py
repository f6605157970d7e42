"""The live view of a status: redrawn in place until somebody ends it.

On a terminal that cannot move its cursor, or where the output is no terminal, the lines are printed anew each time.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final, Protocol

import click

from agent.clock import Clock, SystemClock, wait_at_most
from agent.commandline import overview
from agent.commandline.overview import Line
from agent.errors import GroundwireError
from agent.telemetry.text import clean_text

if TYPE_CHECKING:
    from rich.console import Console, Group
    from rich.live import Live

LEAST_ROWS: Final = 3  # of streams, however low the window is
OWN_LINES: Final = 4  # of the table's head, its blank line and the last line
END_KEYS: Final = frozenset("qQ\x03\x04")
POLL_SECONDS: Final = 0.2  # between two looks at the keyboard where no event tells of it


class Asking(Protocol):
    async def ask(self, name: str) -> Any: ...


async def watch(client: Asking, seconds: float, clock: Clock | None = None) -> None:
    """Until a key ends it, or Ctrl-C."""
    from rich.console import Console  # noqa: PLC0415 - only on a terminal

    clock = clock or SystemClock()
    console = Console(highlight=False)
    if not console.is_terminal or console.is_dumb_terminal:
        await _print_anew(client, seconds, clock)
    else:
        await _redraw(client, seconds, clock, console)


async def _print_anew(client: Asking, seconds: float, clock: Clock) -> None:
    while True:
        lines, rows = await _look(client, clock)
        for line in lines:
            click.echo(clean_text(line.text))
        for row in rows:
            click.echo(clean_text("  ".join(row.cells())))
        click.echo()
        await clock.sleep(seconds)


async def _redraw(client: Asking, seconds: float, clock: Clock, console: Console) -> None:
    from rich.live import Live  # noqa: PLC0415 - only on a terminal

    ended, resized = asyncio.Event(), asyncio.Event()
    with (
        _keys(ended.set),
        _window_changes(resized.set),
        Live(console=console, screen=True, auto_refresh=False, vertical_overflow="crop") as live,
    ):
        while not ended.is_set():
            lines, rows = await _look(client, clock)
            began = clock.monotonic()
            while not ended.is_set():
                resized.clear()
                _draw(live, console, lines, rows)
                left = seconds - (clock.monotonic() - began)
                if left <= 0 or not await _either(ended, resized, left, clock):
                    break


async def _look(client: Asking, clock: Clock) -> tuple[list[Line], list[overview.StreamRow]]:
    """What there is to show now. An agent that does not answer is shown as that, and asked again."""
    try:
        status = await client.ask("status")
    except GroundwireError as error:
        return [Line(error.message, "red", bold=True), Line(f"  What to do: {error.hint}")], []
    lines = [*overview.head(status), Line(""), overview.tunnel(status), *overview.backlog(status)]
    return lines, overview.rows(status, clock.utcnow())


def _draw(live: Live, console: Console, lines: list[Line], rows: list[overview.StreamRow]) -> None:
    live.update(picture(lines, rows, height=console.size.height, width=console.size.width), refresh=True)


def picture(lines: list[Line], rows: list[overview.StreamRow], *, height: int, width: int) -> Group:
    """All of it in so many lines: what is wrong first, then as many streams as there is room for."""
    from rich.console import Group  # noqa: PLC0415 - only on a terminal
    from rich.table import Table  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    above = [_text(line) for line in lines]
    used = sum(max(1, -(-text.cell_len // max(1, width))) for text in above)
    shown, left_out = overview.gravest(rows, max(LEAST_ROWS, height - used - OWN_LINES))
    table = Table(box=None, pad_edge=False, header_style="bold", expand=False)
    for title, ratio in (("STREAM", 3), ("STATE", 2), ("DONE", 4), ("NEXT", 2)):
        table.add_column(title, no_wrap=True, overflow="ellipsis", ratio=ratio)
    for row in shown:
        cells = (row.stream, row.state, row.done, row.next.replace("T", " "))
        table.add_row(*(Text(clean_text(cell)) for cell in cells))
    last = "q ends this" if not left_out else f"and {left_out} streams more; q ends this"
    return Group(*above, Text(""), table, Text(last, style="dim"))


def _text(line: Line) -> Any:
    from rich.text import Text  # noqa: PLC0415 - only on a terminal

    return Text(
        clean_text(line.text), style=" ".join(filter(None, ["bold" if line.bold else "", line.colour]))
    )


async def _either(one: asyncio.Event, other: asyncio.Event, seconds: float, clock: Clock) -> bool:
    """Whether one of them was set within so many seconds."""
    both = asyncio.Event()
    tasks = [asyncio.ensure_future(_pass_on(event, both)) for event in (one, other)]
    try:
        return await wait_at_most(both, seconds, clock)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _pass_on(event: asyncio.Event, to: asyncio.Event) -> None:
    await event.wait()
    to.set()


@contextmanager
def _window_changes(tell: Callable[[], None]) -> Iterator[None]:
    if sys.platform == "win32":
        yield
        return
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGWINCH, tell)
    try:
        yield
    finally:
        loop.remove_signal_handler(signal.SIGWINCH)


@contextmanager
def _keys(end: Callable[[], None]) -> Iterator[None]:
    """Keys as they are pressed, unechoed, where standard input is a terminal; Ctrl-C stays a signal."""
    if not sys.stdin.isatty():
        yield
        return
    if sys.platform == "win32":
        watching = asyncio.ensure_future(_poll_keyboard(end))
        try:
            yield
        finally:
            watching.cancel()
        return
    import termios  # noqa: PLC0415 - not on Windows
    import tty  # noqa: PLC0415

    keyboard, loop = sys.stdin.fileno(), asyncio.get_running_loop()
    before = termios.tcgetattr(keyboard)

    def read() -> None:
        pressed = b""
        with contextlib.suppress(OSError):
            pressed = os.read(keyboard, 64)
        if not pressed or END_KEYS.intersection(pressed.decode("latin-1")):
            end()

    tty.setcbreak(keyboard)
    loop.add_reader(keyboard, read)
    try:
        yield
    finally:
        loop.remove_reader(keyboard)
        termios.tcsetattr(keyboard, termios.TCSADRAIN, before)


async def _poll_keyboard(end: Callable[[], None]) -> None:
    if sys.platform == "win32":
        import msvcrt  # noqa: PLC0415 - Windows only

        while not (msvcrt.kbhit() and msvcrt.getwch() in END_KEYS):
            await SystemClock().sleep(POLL_SECONDS)
        end()

"""Set-up on a terminal: what is asked and said in words, lines and colours."""

from __future__ import annotations

import getpass
import json
import shutil
import signal
import sys
import textwrap
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

import click

from agent.errors import NeedsPersonError
from agent.secrets import redact
from agent.setup.asking import NO, YES, Kind, Question, Saying, Tone, Unfit
from agent.telemetry.text import clean_text

MAX_WIDTH: Final = 96  # lines longer than this are hard to read
MIN_WIDTH: Final = 40
_KEYS: Final = (
    "Enter takes what stands in brackets. Ctrl-C leaves at any point; what is done is kept, and `groundwire setup` goes on "
    "from there."
)
_SOME: Final = "Numbers or names with commas between, all, or none."
_MARKS: Final = {
    Tone.DONE: ("✓", "ok", "green"),
    Tone.NOTICE: ("·", "--", "cyan"),
    Tone.WARNING: ("!", "! ", "yellow"),
    Tone.PROBLEM: ("✗", "FAIL", "red"),
}


@dataclass(frozen=True, slots=True)
class Terminal:
    """Asks on the terminal; `to_stderr` where stdout belongs to a document."""

    to_stderr: bool = False

    @property
    def present(self) -> bool:
        return True

    async def ask(self, question: Question) -> str:
        self._pose(question)
        while True:
            with _interruptible():
                typed = self._read(question)
            try:
                return question.answer(typed)
            except Unfit as error:
                self._line(f"    {error}", colour="yellow")

    def tell(self, saying: Saying) -> None:
        if saying.tone is Tone.STEP:
            self._line()
            self._line(saying.text, bold=True)
            self._line(("─" if _draws() else "-") * len(saying.text), dim=True)
            self._wrapped(saying.hint, "", dim=True)
        elif saying.tone in _MARKS:
            self._marked(saying)
        elif saying.tone is Tone.BUSY:
            self._line()
            self._line(f"  {saying.text}", dim=True)
        elif saying.tone is Tone.FILE:
            self._file(saying)
        elif saying.tone is Tone.RECORDS:
            self._records(saying)
        elif saying.tone is Tone.COMMAND:
            self._line()
            self._wrapped(saying.text, "  ")
            for line in saying.lines:
                self._line(f"    {line}", colour="cyan")
        else:
            self._wrapped(saying.text, "  ")
            self._wrapped(saying.hint, "  ", dim=True)

    def greet(self) -> None:
        """What a newcomer has to know of answering here."""
        self._line()
        self._wrapped(_KEYS, "", dim=True)

    # --- questions

    def _pose(self, question: Question) -> None:
        self._line()
        self._wrapped(question.text, "  ", bold=True)
        self._wrapped(question.why, "  ", dim=True)
        if question.kind is Kind.SOME:
            self._wrapped(_SOME, "  ", dim=True)
        if question.example:
            self._line(f"  Such as {question.example}", dim=True)
        group = ""
        for number, choice in enumerate(question.choices, 1):
            if choice.group != group:
                group = choice.group
                self._line(f"    {group}", dim=True)
            self._wrapped(
                f"{number:>2}  {choice.text if question.kind is Kind.CHOICE else f'{choice.value}: {choice.text}'}",
                "    ",
                hang=8,
            )

    def _read(self, question: Question) -> str:
        prompt = f"  {self._default(question)}> "
        try:
            if question.kind is Kind.SECRET:
                return getpass.getpass(prompt, sys.stderr if self.to_stderr else sys.stdout)
            click.echo(prompt, nl=False, err=self.to_stderr)
            line = sys.stdin.readline()
        except (EOFError, OSError) as error:
            raise _gone() from error
        if not line:
            raise _gone()
        return line.rstrip("\r\n")

    def _default(self, question: Question) -> str:
        default = question.default
        if question.kind is Kind.YES:
            return {YES: "[Y/n] ", NO: "[y/N] "}.get(default or "", "[y/n] ")
        if not default or question.kind is Kind.SECRET:
            return ""
        values = [choice.value for choice in question.choices]
        if question.kind is Kind.CHOICE and default in values:
            return f"[{values.index(default) + 1}] "
        if question.kind is Kind.SOME:
            wanted = default.split(",")
            return (
                "[all] "
                if wanted == values
                else f"[{', '.join(str(values.index(one) + 1) for one in wanted)}] "
            )
        return f"[{clean_text(default)}] "

    # --- what is said

    def _marked(self, saying: Saying) -> None:
        drawn, plain, colour = _MARKS[saying.tone]
        mark = drawn if _draws() else plain
        self._wrapped(
            f"{mark} {saying.text}", "  ", hang=4, colour=colour if saying.tone is not Tone.DONE else None
        )
        if saying.hint:
            self._wrapped(f"What to do: {saying.hint}", "    ")

    def _file(self, saying: Saying) -> None:
        self._line()
        self._line(f"  {saying.text}", bold=True)
        for line in saying.lines:
            colour = {"+": "green", "-": "red"}.get(line[:1]) if saying.text.endswith("changed") else None
            self._line(f"    {line}", colour=colour, dim=colour is None)
        self._line()

    def _records(self, saying: Saying) -> None:
        self._line()
        self._wrapped(saying.text, "  ", bold=True)
        for line in _grid(saying, _width() - 4) if saying.columns else ():
            self._line(f"    {line}")
        for note in saying.lines:
            self._wrapped(note, "    ", dim=True)

    def _wrapped(
        self,
        text: str,
        indent: str,
        *,
        hang: int = 0,
        bold: bool = False,
        dim: bool = False,
        colour: str | None = None,
    ) -> None:
        for line in _fold(clean_text(text), indent, hang):
            self._line(line, bold=bold, dim=dim, colour=colour)

    def _line(
        self, text: str = "", *, bold: bool = False, dim: bool = False, colour: str | None = None
    ) -> None:
        click.secho(clean_text(text), bold=bold or None, dim=dim or None, fg=colour, err=self.to_stderr)


@dataclass(frozen=True, slots=True)
class Lines:
    """What is said where nobody is present: a line each, on stderr; with `json` as objects."""

    json: bool = False

    def __call__(self, saying: Saying) -> None:
        if self.json:
            click.echo(redact(json.dumps({"progress": _document(saying)}, ensure_ascii=False)), err=True)
            return
        Terminal(to_stderr=True).tell(saying)


def _document(saying: Saying) -> dict[str, Any]:
    more = {"lines": saying.lines, "columns": saying.columns, "rows": saying.rows}
    filled = {name: value for name, value in more.items() if value}
    return {"tone": saying.tone.value, "text": saying.text, "hint": saying.hint, **filled}


def _fold(text: str, indent: str, hang: int) -> Iterator[str]:
    behind = " " * hang if hang else indent
    for paragraph in text.split("\n") if text else ():
        yield from textwrap.wrap(
            paragraph,
            _width(),
            initial_indent=indent,
            subsequent_indent=behind,
            break_long_words=False,
            break_on_hyphens=False,
        ) or [""]


def _grid(saying: Saying, width: int) -> Iterator[str]:
    """Aligned columns; as many as fit, so that no line breaks."""
    cells = [saying.columns, *saying.rows]
    widths = [max(len(clean_text(row[index])) for row in cells) for index in range(len(saying.columns))]
    fitting = len(widths)
    while fitting > 1 and sum(widths[:fitting]) + 2 * (fitting - 1) > width:
        fitting -= 1
    for row in cells:
        line = "  ".join(
            clean_text(cell).ljust(size) for cell, size in zip(row[:fitting], widths, strict=False)
        )
        yield line.rstrip()[:width]


def _width() -> int:
    return max(MIN_WIDTH, min(MAX_WIDTH, shutil.get_terminal_size().columns - 1))


def _draws() -> bool:
    """Whether the terminal has more than ASCII."""
    return (getattr(sys.stdout, "encoding", "") or "").lower().replace("-", "") in ("utf8", "cp65001")


def _gone() -> NeedsPersonError:
    return NeedsPersonError(
        "the terminal was closed in the middle",
        hint="Run `groundwire setup` again: what is done is kept, and it goes on from there.",
    )


@contextmanager
def _interruptible() -> Iterator[None]:
    """Ctrl-C ends a question at once; the event loop would only note it until the next Enter."""
    before: Callable[..., object] | int | None = signal.getsignal(signal.SIGINT)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before or signal.SIG_DFL)  # as it was

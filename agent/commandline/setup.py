"""`groundwire setup`: from nothing to records that travel, in one sitting or from a file of answers."""

from __future__ import annotations

import sys
from contextlib import aclosing, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from agent.commandline.invocation import Invocation, json_option, pass_invocation, run_async, shared_options
from agent.errors import NotPermitted

if TYPE_CHECKING:
    from agent.setup.answers import Remembering
    from agent.setup.asking import Person
    from agent.setup.conversation import Outcome
    from agent.setup.machine import ThisMachine

DRAFT: Final = ".setup-answers.toml"  # of a sitting that was broken off; in the configuration folder


@click.command()
@click.option(
    "--from",
    "answers",
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    metavar="ANSWERS",
    help="Take the answers from this file, and ask nobody.",
)
@click.option(
    "--save-answers",
    "save",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Write the answers down, without secrets, for --from.",
)
@click.option(
    "--web", is_flag=True, help="Ask in a browser: serve a page on this host alone, and print a link to it."
)
@click.option(
    "--port",
    type=click.IntRange(1, 65_535),
    help="Of that page, such as for an SSH tunnel. Default: a free one.",
)
@click.option("--dry-run", is_flag=True, help="Ask, test and show; write, store, enrol and start nothing.")
@shared_options
@json_option
@pass_invocation
def setup(
    invocation: Invocation,
    answers: Path | None,
    save: Path | None,
    port: int | None,
    *,
    web: bool,
    dry_run: bool,
) -> None:
    """Connect this machine to a relay and to the systems to be read: asks, tests every hop, and writes the files.

    Can be left at any time and run again, also to add a connection.
    """
    _require_one_way(answers, save, port, web=web)
    invocation.quiet_logging()
    if answers:
        document = _from_file(invocation, answers, dry_run=dry_run)
    elif web:
        from agent.commandline.setup_web import at_page  # noqa: PLC0415 - heavy

        document = at_page(invocation, save, port, dry_run=dry_run)
    else:
        document = _by_hand(invocation, save, dry_run=dry_run)
    invocation.output.document(document)


def _require_one_way(answers: Path | None, save: Path | None, port: int | None, *, web: bool) -> None:
    if answers is None and not web and not sys.stdin.isatty():
        raise click.UsageError(
            "Standard input is no terminal, so nobody can answer here. Give the answers in a file: --from ANSWERS, or "
            "answer in a browser: --web (docs/setup.md)."
        )
    if web and answers is not None:
        raise click.UsageError("--web asks in a browser and --from asks nobody: give one of them.")
    if port is not None and not web:
        raise click.UsageError("--port is that of the page: give --web too.")
    if save is not None and (answers is not None or save.exists()):
        raise click.UsageError(
            "--save-answers writes a new file of what was typed: give a name that is not there yet, and no --from."
        )


def _by_hand(invocation: Invocation, save: Path | None, *, dry_run: bool) -> dict[str, Any]:
    from agent.commandline.setup_terminal import Terminal  # noqa: PLC0415 - heavy
    from agent.setup.answers import Remembering, earlier_answers  # noqa: PLC0415
    from agent.setup.machine import ThisMachine  # noqa: PLC0415

    machine = ThisMachine(invocation.config_dir)
    terminal = Terminal(to_stderr=invocation.json)
    terminal.greet()
    person = Remembering(terminal, earlier_answers(machine.read(DRAFT) or ""))
    try:
        outcome = run_async(_sitting(person, machine, dry_run=dry_run))
    except BaseException as error:
        keep_draft(machine, person, dry_run=dry_run)
        if isinstance(error, KeyboardInterrupt):
            invocation.output.note("\nWhat is done is kept. `groundwire setup` goes on from here.")
        raise
    put_away(invocation, machine, person, save, dry_run=dry_run)
    return outcome.document()


def put_away(
    invocation: Invocation, machine: ThisMachine, person: Remembering, save: Path | None, *, dry_run: bool
) -> None:
    """The answers of a sitting that came to its end: into the file that is wanted, and out of the draft."""
    if save is not None:
        try:
            machine.write_new(save, person.document())
        except NotPermitted:
            keep_draft(machine, person, dry_run=dry_run)
            raise
        invocation.output.note(f"The answers, without secrets: {save}")
    if not dry_run:
        machine.forget(DRAFT)


async def _sitting(person: Person, machine: ThisMachine, *, dry_run: bool) -> Outcome:
    from agent.setup.conversation import set_up  # noqa: PLC0415 - heavy

    async with aclosing(machine):
        return await set_up(person, machine, dry_run=dry_run)


def keep_draft(machine: ThisMachine, person: Remembering, *, dry_run: bool) -> None:
    """What was answered so far is what Enter means the next time. An answer that cannot be kept is asked for anew."""
    if person.given and not dry_run:
        with suppress(Exception):
            machine.write_private(machine.path_of(DRAFT), person.draft())


def _from_file(invocation: Invocation, answers: Path, *, dry_run: bool) -> dict[str, Any]:
    from agent.commandline.setup_terminal import Lines, Terminal  # noqa: PLC0415 - heavy
    from agent.setup.asking import Saying, Tone  # noqa: PLC0415
    from agent.setup.machine import ThisMachine  # noqa: PLC0415
    from agent.setup.unattended import FromFile, read_answers  # noqa: PLC0415

    told = Lines(json=invocation.json)
    prompt = Terminal(to_stderr=True) if sys.stdin.isatty() else None
    person = FromFile(read_answers(answers), told, prompt)
    machine = ThisMachine(invocation.config_dir)
    outcome = run_async(_sitting(person, machine, dry_run=dry_run))
    for place in person.unused():
        told(
            Saying(
                Tone.WARNING,
                f"{place}: nothing asked for it.",
                "Look whether it is spelt as docs/setup.md has it.",
            )
        )
    return outcome.document()

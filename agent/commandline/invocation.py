"""One call of `groundwire`: where its configuration is, how it answers, and the options all commands share."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from agent.commandline.output import Output
from agent.errors import GroundwireError

if TYPE_CHECKING:
    from agent.control import ControlClient
    from agent.settings import Settings

Command = TypeVar("Command", bound=Callable[..., Any])
Answer = TypeVar("Answer")


@dataclass(slots=True)
class Invocation:
    config: Path | None = None  # None: the default folder
    json: bool = False
    debug: bool = False

    @property
    def output(self) -> Output:
        return Output(json=self.json)

    @property
    def config_dir(self) -> Path:
        from agent.settings import default_config_dir  # noqa: PLC0415 - heavy

        return self.config if self.config is not None else default_config_dir()

    def settings(self) -> Settings:
        """Raises ConfigurationError when agent.toml is missing or wrong."""
        from agent.service.ownership import give_to_owner  # noqa: PLC0415
        from agent.settings import load  # noqa: PLC0415 - heavy

        settings = load(self.config_dir)
        if (context := click.get_current_context(silent=True)) is not None:
            context.call_on_close(partial(give_to_owner, settings.state_dir))
        return settings

    def quiet_logging(self) -> None:
        """For commands that run parts of the agent themselves: their answer is the output, the log is not."""
        from agent.telemetry.logging import configure_logging  # noqa: PLC0415 - heavy

        configure_logging(level="debug" if self.debug else "error", format="console")

    def client(self) -> ControlClient:
        from agent.control import ControlClient  # noqa: PLC0415 - heavy

        return ControlClient(self.settings().state_dir)


pass_invocation = click.make_pass_decorator(Invocation, ensure=True)


def shared_options(command: Command) -> Command:
    """--config and --debug, before or after the command's name."""
    for option in (
        click.option(
            "--debug",
            is_flag=True,
            expose_value=False,
            callback=_remember("debug"),
            help="Show details of what goes wrong.",
        ),
        click.option(
            "--config",
            type=click.Path(path_type=Path, file_okay=False),
            metavar="DIR",
            expose_value=False,
            callback=_remember("config"),
            help="Folder of agent.toml. Default: $GROUNDWIRE_CONFIG, else the machine's or the user's folder.",
        ),
    ):
        command = option(command)
    return command


def json_option(command: Command) -> Command:
    return click.option(
        "--json",
        is_flag=True,
        expose_value=False,
        callback=_remember("json"),
        help="Answer with one JSON document.",
    )(command)


def patience_option(command: Command) -> Command:
    """--patience, of the commands that run checks."""
    return click.option(
        "--patience",
        type=click.FloatRange(min=1.0, max=100.0),
        default=1.0,
        metavar="N",
        help="Wait N times as long for everything, over a slow line or on a busy machine.",
    )(command)


def _remember(name: str) -> Callable[[click.Context, click.Parameter, Any], None]:
    def callback(context: click.Context, _parameter: click.Parameter, value: Any) -> None:
        if value:
            setattr(context.ensure_object(Invocation), name, value)

    return callback


def run_async(work: Coroutine[Any, Any, Answer]) -> Answer:
    """Run to the end; the error of a task group's task comes out as itself."""
    import asyncio  # noqa: PLC0415 - slow to load, and not every command needs it

    try:
        return asyncio.run(work)
    except BaseExceptionGroup as group:
        raise first_error(group) from group


def first_error(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """The operator's error where there is one: a bug beside it is rarely what to begin with."""
    known = group.subgroup(GroundwireError)
    error: BaseException = known if known is not None else group
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error

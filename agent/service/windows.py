"""The agent as a Windows service: `groundwire service run`, started by the service control manager and by nobody else.

The system wants to hear from it within 30 seconds, so the dispatcher runs before anything heavy is imported.
"""

from __future__ import annotations

import sys

if sys.platform == "win32":
    import asyncio
    import contextlib
    import os
    import traceback
    from collections.abc import Callable
    from pathlib import Path
    from typing import TYPE_CHECKING, Any, Final, TextIO

    import pywintypes
    import servicemanager
    import win32service

    from agent.errors import GroundwireError, NeedsPersonError
    from agent.service.plan import NAME
    from agent.service.windows_status import ServiceState, StatusPort, WindowsManager

    if TYPE_CHECKING:
        from agent.settings import Settings

    OUTPUT_FILE: Final = (
        "service.log"  # what no log line is: faults of the interpreter and of native libraries
    )
    FAULT: Final = 70  # exit codes of docs/cli.md
    _NOT_STARTED_BY_THE_SYSTEM: Final = 1063
    _OWN_ERROR: Final = 1066
    _CONTROLS: Final = (
        win32service.SERVICE_ACCEPT_STOP
        | win32service.SERVICE_ACCEPT_SHUTDOWN
        | win32service.SERVICE_ACCEPT_PRESHUTDOWN
    )
    ENDINGS: Final = {
        win32service.SERVICE_CONTROL_STOP,
        win32service.SERVICE_CONTROL_SHUTDOWN,
        win32service.SERVICE_CONTROL_PRESHUTDOWN,
    }

    class SystemStatus(StatusPort):
        def __init__(self, handle: Any) -> None:
            self._handle = handle

        def tell(self, state: ServiceState, *, exit_code: int, checkpoint: int, wait_seconds: float) -> None:
            accepts = _CONTROLS if state is ServiceState.RUNNING else 0
            status = (
                win32service.SERVICE_WIN32_OWN_PROCESS, int(state), accepts, _OWN_ERROR if exit_code else 0,
                exit_code, checkpoint, int(wait_seconds * 1000),
            )  # fmt: skip
            with contextlib.suppress(pywintypes.error):
                win32service.SetServiceStatus(self._handle, status)

    class _Service:
        """What pywin32's dispatcher makes, in a thread of its own."""

        _svc_name_ = NAME
        config: Path | None = None

        def __init__(self, args: Any) -> None:
            handle = servicemanager.RegisterServiceCtrlHandler(args[0], self._control, True)  # noqa: FBT003
            self._status = SystemStatus(handle)
            self._manager = WindowsManager(self._status)

        def _control(self, control: int, _kind: int, _data: Any) -> int | None:
            if control in ENDINGS:
                self._manager.stop_asked()
            return None

        def SvcRun(self) -> None:  # noqa: N802 - called by this name
            self._manager.begin()
            code = _run(self._manager, self.config)
            self._manager.ended(code)
            if code:
                os._exit(code)  # the dispatcher would report a good end after ours

    def begin(what: str, words: list[str]) -> int:
        """`service run` or `watch` of a bundle, with what stands behind it; nothing else is loaded before Windows knows."""
        config = Path(words[1]) if words[:1] == ["--config"] and len(words) > 1 else None
        try:
            if what == "watch":
                from agent.service.windows_watch import watch_as_service  # noqa: PLC0415 - imports this

                watch_as_service(config)
            else:
                run_as_service(config)
        except NeedsPersonError as error:
            print(f"{error}\n  What to do: {error.hint}", file=sys.stderr)  # noqa: T201 - as the command line says it
            return 4
        return 0

    def run_as_service(config: Path | None) -> None:
        """Returns when the service has ended. Raises NeedsPersonError where it was not the system that started this."""
        _Service.config = config
        be_service(_Service, NAME)

    def be_service(service: type, name: str) -> None:
        """Raises NeedsPersonError where it was not the system that started this process."""
        servicemanager.Initialize(name, "")
        servicemanager.PrepareToHostSingle(service)
        try:
            servicemanager.StartServiceCtrlDispatcher()  # type: ignore[no-untyped-call]
        except pywintypes.error as error:
            if error.winerror != _NOT_STARTED_BY_THE_SYSTEM:
                raise
            raise NeedsPersonError(
                "only Windows starts the service",
                where=name,
                hint="Start it with `groundwire service start`, or run the agent here with `groundwire run`.",
            ) from error

    def _run(manager: WindowsManager, config: Path | None) -> int:
        """The whole life of an agent; its exit code."""
        from agent.commandline.exits import code_of  # noqa: PLC0415
        from agent.commandline.invocation import Invocation  # noqa: PLC0415
        from agent.telemetry.event_log import NEEDS_PERSON, WARNING, event_log  # noqa: PLC0415 - after the dispatcher

        try:
            settings = Invocation(config=config).settings()
        except GroundwireError as error:  # there is no log yet that could say it
            if (events := event_log()) is not None:
                events.report(WARNING, NEEDS_PERSON, f"{error}\r\n{error.hint}")
            return int(code_of(error))
        try:
            _live(manager, settings)
        except GroundwireError as error:
            return int(code_of(error))
        except BaseException:  # noqa: BLE001 - the outermost frame of the service
            traceback.print_exc()
            return FAULT
        return 0

    def _live(manager: WindowsManager, settings: Settings) -> None:
        from agent.clock import SystemClock  # noqa: PLC0415 - heavy, as all that follow
        from agent.commandline.invocation import run_async  # noqa: PLC0415
        from agent.telemetry.logging import configure_logging, log_files  # noqa: PLC0415

        output = _output_file(settings.log_dir)
        sys.stdout = sys.stderr = output
        clock, table = SystemClock(), settings.log
        kept = log_files(settings.log_dir, clock, total_bytes=table.total, keep=table.keep)
        logs = configure_logging(
            level=settings.agent.log_level,
            format="json",
            stream=Path(os.devnull).open("w", encoding="utf-8"),  # noqa: SIM115 - for the whole life
            files=kept,
            folder=settings.log_dir,
            clock=clock,
            adjustable=True,
        )
        try:
            from agent.app import App  # noqa: PLC0415 - the whole agent
            from agent.commandline.run import warn_of_broken  # noqa: PLC0415

            async def life() -> None:
                warn_of_broken(settings)
                app = App(settings, logs=logs, manager=manager)
                loop = asyncio.get_running_loop()
                manager.stops_with(lambda: _soon(loop, app.stop))
                await app.run()

            run_async(life())
        except GroundwireError as error:
            import structlog  # noqa: PLC0415

            structlog.get_logger(__name__).error(
                "agent_failed", code=error.code, error=str(error), hint=error.hint
            )
            raise
        finally:
            logs.close()

    def _output_file(folder: Path) -> TextIO:
        """Of this run; that of the run before stays beside it."""
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / OUTPUT_FILE
        with contextlib.suppress(OSError):
            path.replace(path.with_suffix(".before.log"))
        return path.open("w", encoding="utf-8", errors="replace", buffering=1)

    def _soon(loop: asyncio.AbstractEventLoop, what: Callable[[], None]) -> None:
        with contextlib.suppress(RuntimeError):  # the loop has ended, and the agent with it
            loop.call_soon_threadsafe(what)

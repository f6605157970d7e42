"""The watch over an upgrade as a Windows service: `groundwire service watch`, of the version that is kept aside.

Ended at any point, it goes on from there when it is started again (agent/upgrade/switching.py).
"""

from __future__ import annotations

import sys

if sys.platform == "win32":
    import os
    import traceback
    from pathlib import Path
    from typing import Any

    import servicemanager

    from agent.errors import GroundwireError
    from agent.service.plan import WATCH_NAME
    from agent.service.windows import ENDINGS, FAULT, SystemStatus, be_service
    from agent.service.windows_status import WindowsManager

    class _Watch:
        """What pywin32's dispatcher makes, in a thread of its own."""

        _svc_name_ = WATCH_NAME
        config: Path | None = None

        def __init__(self, args: Any) -> None:
            handle = servicemanager.RegisterServiceCtrlHandler(args[0], self._control, True)  # noqa: FBT003
            self._manager = WindowsManager(SystemStatus(handle))

        def _control(self, control: int, _kind: int, _data: Any) -> int | None:
            if control in ENDINGS:
                self._manager.ended(0)
                os._exit(0)
            return None

        def SvcRun(self) -> None:  # noqa: N802 - called by this name
            self._manager.begin()
            self._manager.ready()
            code = _watch(self.config)
            self._manager.ended(code)
            os._exit(code)  # nothing of this program can be loaded any more

    def watch_as_service(config: Path | None) -> None:
        """Returns when it is decided. Raises NeedsPersonError where it was not the system that started this."""
        _Watch.config = config
        be_service(_Watch, WATCH_NAME)

    def _watch(config: Path | None) -> int:
        from agent.commandline.exits import code_of  # noqa: PLC0415 - after the dispatcher, as all that follow
        from agent.commandline.invocation import Invocation  # noqa: PLC0415
        from agent.commandline.upgrade import watch_over  # noqa: PLC0415
        from agent.telemetry.event_log import NEEDS_PERSON, WARNING, event_log  # noqa: PLC0415

        try:
            watch_over(Invocation(config=config))
        except GroundwireError as error:
            if (events := event_log()) is not None:
                events.report(WARNING, NEEDS_PERSON, f"{error}\r\n{error.hint}")
            return int(code_of(error))
        except BaseException:  # noqa: BLE001 - the outermost frame of the service
            if (events := event_log()) is not None:
                events.report(WARNING, NEEDS_PERSON, traceback.format_exc())
            return FAULT
        return 0

"""Runs in Wine, with CPython for Windows: `python windows_administrator.py FOLDER`; makes the service of its `agent`.

Each word in FOLDER/asked (start, stop, state, remove, quit) is done once, and its answer goes to FOLDER/answer as JSON. One
process does it all: Wine ends its services soon after the last program, and a start takes it long.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from pathlib import Path

from agent.clock import SystemClock
from agent.errors import GroundwireError

if sys.platform == "win32":
    from agent.service import administration, plan
    from agent.service.access import NtfsAccess
    from agent.service.scm import Scm

    SECONDS = 900.0  # of a machine that does much else
    START = Path(plan.__file__).resolve().parents[2] / "start.py"  # what a bundle runs

    def main(folder: Path) -> None:
        administration.START_SECONDS = administration.STOP_SECONDS = SECONDS  # type: ignore[misc]
        service = administration.Administration(Scm(), NtfsAccess(), SystemClock())
        config = folder / "agent"
        command = plan.command_line([sys.executable, str(START)], str(config))
        made = service.install(command, administration.Folders(config, config / "state"))
        answer(folder, {"steps": made.steps, "warnings": made.warnings})
        while (word := asked(folder)) != "quit":
            try:
                if word == "state":
                    state, code = service.state()
                    answer(folder, {"state": state.value, "exit_code": code})
                else:
                    asyncio.run(getattr(service, word)())
                    answer(folder, {"done": word})
            except GroundwireError as error:
                answer(folder, {"error": str(error), "hint": error.hint})

    def asked(folder: Path) -> str:
        question = folder / "asked"
        while not question.exists():
            time.sleep(0.2)
        word = question.read_text("utf-8")
        question.unlink()
        return word

    def answer(folder: Path, given: dict[str, object]) -> None:
        part = folder / "answer.part"
        part.write_text(json.dumps(given), "utf-8")
        part.replace(folder / "answer")

    main(Path(sys.argv[1]))

"""Pure: a connection's status and a run's report, in the few words that health goes by."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from relay.health.noted import RunNote, Standing
from relay.health.told import MAX_NUMBER, moment
from relay.store.base import ConnectionStatus, RunRow

MAX_CODE: Final = 64
MAX_HINT: Final = 512
DENIED: Final = "policy"  # what may not leave by the local policy is no fault, and is not expected to run
REFUSED: Final = frozenset({"credentials_refused"})
NEEDS_REAUTHORISATION: Final = "needs_reauthorisation"
SUCCEEDED: Final = "succeeded"


def standing_of(status: ConnectionStatus) -> Standing:
    expected = [stream for stream in status.streams if _code(stream.get("error")) != DENIED]
    errors = [status.error, *(stream.get("error") for stream in expected)]
    error = next((one for one in errors if _code(one) not in ("", DENIED)), None)
    states = (status.state, *(stream.get("state") for stream in expected))  # of whatever type an agent sends
    runs = [at for stream in expected if (at := moment(stream.get("nextRunAt"))) is not None]
    return Standing(
        state=status.state,
        paused=status.paused,
        error_code=_code(error),
        error_hint=_text(error, "hint", MAX_HINT),
        refused=NEEDS_REAUTHORISATION in states or _code(error) in REFUSED,
        next_run_at=min(runs, default=None),
        streams=tuple(
            dict.fromkeys(name for stream in expected if isinstance(name := stream.get("name"), str))
        ),
        certificates=status.certificates,
    )


def note_of(run: RunRow) -> RunNote:
    counts = run.report.get("counts")
    letters = counts.get("deadLetters") if isinstance(counts, Mapping) else None
    finished = moment(run.report.get("finishedAt"))
    return RunNote(
        run.tenant,
        run.connection,
        run.stream.partition("/")[2] or run.stream,
        run.run,
        min(letters, MAX_NUMBER) if type(letters) is int else 0,
        (finished or moment(run.started_at)) if run.status == SUCCEEDED else None,
    )


def _code(error: Any) -> str:
    return _text(error, "code", MAX_CODE)


def _text(error: Any, name: str, most: int) -> str:
    found = error.get(name) if isinstance(error, Mapping) else None
    return found[:most] if isinstance(found, str) else ""

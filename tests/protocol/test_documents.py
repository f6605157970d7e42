"""The pages that describe the wire say what the code does."""

from __future__ import annotations

from agent.protocol import faults
from agent.protocol.frames import CONTROL_TYPES
from agent.protocol.states import FROM_AGENT, FROM_RELAY, Phase
from tests.protocol.asyncapi import FILE, text

PAGE = (FILE.parent / "protocol.md").read_text()


def test_the_asyncapi_description_is_made_from_the_frames() -> None:
    assert FILE.read_text() == text(), "run `python -m tests.protocol.asyncapi`"


def test_the_page_names_every_frame_with_every_field() -> None:
    for name, cls in CONTROL_TYPES.items():
        row = next(line for line in PAGE.splitlines() if line.startswith(f"| `{name}` |"))
        for field in cls.__dataclass_fields__:
            assert f"`{field}`" in row, f"{name}.{field}"


def test_the_page_names_every_phase_and_every_fault() -> None:
    for word in [*Phase, *faults.Fault]:
        assert f"`{word}`" in PAGE, word


def test_the_state_tables_on_the_page_are_those_in_force() -> None:
    from agent.protocol.frames import TYPE_NAMES, Error, Unknown

    for table in (FROM_AGENT, FROM_RELAY):
        for (phase, frame), after in table.items():
            if frame not in (Error, Unknown):
                assert f"| {phase} | {TYPE_NAMES[frame]} | {after} |" in PAGE, (phase, frame)

"""The golden vectors of docs/protocol.md: what any implementation must send, read and refuse."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from agent.protocol.frames import TYPE_NAMES, Batch, ProtocolFault, decode, encode
from agent.protocol.states import FROM_AGENT, FROM_RELAY
from tests.protocol.scripts import Play, fatal_of, message_of, wire_of

VECTORS = Path(__file__).with_name("vectors")


def load(name: str) -> Any:
    return json.loads((VECTORS / name).read_text())


FRAMES = load("frames.json")
REFUSED = load("refused.json")
SESSIONS = sorted(path.name for path in VECTORS.glob("session-*.json"))


@pytest.mark.parametrize("vector", FRAMES, ids=lambda v: v["frame"])
def test_a_frame_is_read_and_written_as_given(vector: dict[str, Any]) -> None:
    frame = decode(message_of(vector["wire"]))

    assert TYPE_NAMES[type(frame)] == vector["frame"]
    assert wire_of(encode(frame)) == vector["wire"]  # type: ignore[arg-type]
    fields = asdict(frame)
    if isinstance(frame, Batch):
        fields["payload"] = "hex:" + frame.payload.hex()
    assert json.loads(json.dumps(fields)) == vector["fields"]


@pytest.mark.parametrize("vector", REFUSED, ids=lambda v: v["name"])
def test_a_bad_message_is_refused_with_its_fault(vector: dict[str, str]) -> None:
    with pytest.raises(ProtocolFault) as refused:
        decode(message_of(vector["wire"]))

    assert refused.value.code == vector["fault"]


@pytest.mark.parametrize("name", SESSIONS)
def test_a_session_goes_as_written(name: str) -> None:
    script = load(name)
    play = Play(script["greeting"], script["relay"])
    for step in script["steps"]:
        run(play, step)

    assert play.idle()
    assert play.events == script["events"]
    assert {"agent": play.agent.phase, "relay": play.relay.phase} == script["phases"]


def run(play: Play, step: dict[str, Any]) -> None:
    for side in ("agent", "relay"):
        if side in step:
            play.call(side, step[side], step["with"])
        wire = step.get(f"{side}>")
        if wire is None:
            continue
        if not step.get("forged"):
            assert play.take(side) == wire
        if "fault" in step:
            with pytest.raises(ProtocolFault) as refused:
                play.deliver(side, wire, 0.0)
            assert refused.value.code == step["fault"]
        else:
            play.deliver(side, wire, 0.0)


def test_every_frame_has_a_vector() -> None:
    assert {vector["frame"] for vector in FRAMES} == set(TYPE_NAMES.values())


def test_every_refusal_reaches_the_other_side_as_a_fatal_error() -> None:
    for name in SESSIONS:
        script = load(name)
        relay_faults = [step["fault"] for step in script["steps"] if "fault" in step and "agent>" in step]
        told = [fatal_of(step["relay>"]) for step in script["steps"] if "relay>" in step]
        assert all(fault in told for fault in relay_faults), name


def test_no_frame_is_legal_from_both_sides() -> None:
    agent = {frame for _, frame in FROM_AGENT}
    relay = {frame for _, frame in FROM_RELAY}

    assert {frame.__name__ for frame in agent & relay} == {"Unknown"}

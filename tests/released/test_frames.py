"""What earlier versions say on the wire is read as they meant it, and nothing that they need has gone."""

from __future__ import annotations

import json
from dataclasses import asdict, fields
from typing import Any

import pytest

from agent.protocol.frames import CONTROL_TYPES, TYPE_NAMES, Batch, decode
from tests.protocol.scripts import message_of
from tests.released.golden import FOLDER, VERSIONS
from tests.released.make import is_required

TYPES = {**CONTROL_TYPES, "batch": Batch}
# Frames that came behind 0.1.0: each is sent to a peer with this capability alone, or read past by those who have it not.
ANNOUNCED: dict[str, str] = {}


def kept(version: str, name: str) -> Any:
    return json.loads((FOLDER / version / "frames" / name).read_text())


@pytest.mark.parametrize("version", VERSIONS)
def test_every_frame_of_a_released_version_is_read_as_it_was_meant(version: str) -> None:
    for vector in kept(version, "frames.json"):
        frame = decode(message_of(vector["wire"]))

        found = asdict(frame)
        if isinstance(frame, Batch):
            found["payload"] = "hex:" + frame.payload.hex()
        assert TYPE_NAMES[type(frame)] == vector["frame"]
        read = json.loads(json.dumps(found))
        assert {name: read[name] for name in vector["fields"]} == vector["fields"]


@pytest.mark.parametrize("version", VERSIONS)
def test_a_frame_has_the_fields_of_before_and_needs_no_others(version: str) -> None:
    for name, before in kept(version, "fields.json").items():
        now = {one.name: is_required(one) for one in fields(TYPES[name])}
        assert before.keys() <= now.keys(), f"{name} has lost a field that {version} may need"
        needed = {field for field, required in now.items() if required}
        assert needed <= before.keys(), f"{name} needs a field that {version} does not send"
        gone = {field for field, required in before.items() if required} - needed
        assert not gone, f"{name} may leave out what {version} needs: {gone}"


@pytest.mark.parametrize("version", VERSIONS)
def test_a_kind_of_frame_that_is_new_can_be_read_past_or_is_announced(version: str) -> None:
    for name in TYPES.keys() - kept(version, "fields.json").keys():
        flagged = getattr(TYPES[name], "optional", None) is True or any(
            one.name == "optional" and one.default is True for one in fields(TYPES[name])
        )
        assert flagged or name in ANNOUNCED, f"{version} would end the connection at a frame `{name}`"

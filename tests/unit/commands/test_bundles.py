from __future__ import annotations

import base64
import hashlib
import io
import random
import zipfile
from datetime import UTC, datetime, timedelta

import pytest

from agent.audit.trail import Actor, Origin
from agent.bundle.archive import Bundle, Collected
from agent.commands.answers import fits
from agent.commands.arguments import read_arguments
from agent.commands.bundles import DiagnosticsBundle
from agent.commands.ports import Call, Refused, State
from agent.policy.decision import Decision

NOW = datetime(2026, 1, 5, 12, tzinfo=UTC)
NOISE = random.Random(7).randbytes(3_000_000).hex()
LARGE = Bundle(
    NOW,
    (
        *(Collected(f"part-{n}.json", "why it is there", NOISE[n * 9_000 : (n + 1) * 9_000].encode()) for n in range(12)),
        *(Collected(f"logs/{n}", "why it is there", "\n".join(NOISE[at : at + 80] for at in range(n, 900_000, 80)).encode(), lines=True) for n in range(8)),
    ),
)  # fmt: skip


async def _silent(_told: object) -> None: ...


CALL = Call("c1", NOW + timedelta(hours=1), Actor(Origin.RELAY), _silent)


def kind(bundle: Bundle = LARGE) -> DiagnosticsBundle:
    async def make() -> Bundle:
        return bundle

    return DiagnosticsBundle(make, lambda *_: Decision(allowed=True, code="allowed", why=""))


async def test_the_largest_bundle_fits_into_its_frame_and_is_whole() -> None:
    one = kind()
    answer = await one.run(CALL, read_arguments(one.arguments, {}))

    assert answer.state is State.SUCCEEDED
    assert fits(answer.result)
    content = base64.b64decode(answer.result["zip"])
    assert answer.result["sha256"] == hashlib.sha256(content).hexdigest()
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        assert archive.testzip() is None
        there = set(archive.namelist()) - {"manifest.json"}
    listed = answer.result["manifest"]["files"]
    assert there == {file["name"] for file in listed if file["bytes"]}
    assert {file["missing"] for file in listed if not file["bytes"]} == {"left out: it did not fit"}


async def test_the_list_alone_holds_nothing_of_it() -> None:
    one = kind()
    answer = await one.run(CALL, read_arguments(one.arguments, {"list": True}))

    assert "zip" not in answer.result
    assert len(answer.result["manifest"]["files"]) == 20
    assert answer.result["bytes"] > 1_000


@pytest.mark.parametrize("args", [{"only_list": True}, {"list": "yes"}, {"connection": "erp"}])
def test_other_arguments_are_refused(args: dict[str, object]) -> None:
    with pytest.raises(Refused):
        read_arguments(DiagnosticsBundle.arguments, args)

from __future__ import annotations

import io
import json
import random
import zipfile
from datetime import UTC, datetime

from agent.bundle.archive import Bundle, Collected, bounded, document_bytes, packed

NOW = datetime(2026, 1, 5, 12, tzinfo=UTC)
NOISE = random.Random(7).randbytes(200_000).hex()
LINES = "".join(f"{NOISE[at : at + 90]}\n" for at in range(0, 360_000, 90)).encode()


def bundle(*files: Collected) -> Bundle:
    return Bundle(NOW, files)


def test_what_does_not_fit_gives_way_logs_first_and_the_list_says_so() -> None:
    made = bundle(
        Collected("health.json", "why", b'{"a": 1}'),
        Collected("folder.json", "why", b'{"b": 2}'),
        Collected("logs/a", "why", LINES, lines=True),
    )

    fitting, content = packed(made, 39 * 1024)

    assert len(content) <= 39 * 1024
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        manifest = json.loads(archive.read("manifest.json"))
        kept = archive.read("logs/a")
        assert archive.read("folder.json") == b'{"b": 2}'
    assert LINES.endswith(kept)
    assert len(kept) > 10_000
    log = manifest["files"][2]
    assert (log["bytes"], log["missing"]) == (len(kept), "the oldest lines are left out: they did not fit")
    assert fitting.manifest() == manifest


def test_without_logs_the_least_worthy_goes_first() -> None:
    made = bundle(
        Collected("first", "", NOISE[:9_000].encode()), Collected("last", "", NOISE[9_000:18_000].encode())
    )

    fitting, content = packed(made, 7_000)

    assert [(file.name, bool(file.content)) for file in fitting.files] == [("first", True), ("last", False)]
    assert len(content) <= 7_000


def test_no_bundle_is_larger_than_its_bound() -> None:
    made = bounded(bundle(*(Collected(f"logs/{n}", "", LINES, lines=True) for n in range(40))), 1_000_000)

    assert sum(len(file.content) for file in made.files) <= 1_000_000
    assert len(made.files) == 40


def test_a_document_that_is_too_large_loses_half_of_its_longest_list() -> None:
    told = json.loads(document_bytes({"short": [1], "long": {"items": ["x" * 50] * 1_000}}, 10_000))

    assert told["short"] == [1]
    assert 50 < len(told["long"]["items"]) < 200
    assert json.loads(document_bytes({"text": "x" * 20_000}, 10_000)) == {"missing": "it did not fit"}


def test_the_same_parts_make_the_same_bytes() -> None:
    made = bundle(Collected("a", "why", b"x"))

    assert made.zipped() == made.zipped()

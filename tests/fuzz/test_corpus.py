"""A short run of every target without a fuzzer: what is kept, and some thousands of inputs by a fixed seed."""

from __future__ import annotations

import os
from pathlib import Path
from time import process_time

import pytest

from tests.fuzz.mutation import mutants
from tests.fuzz.registry import NAMES, target

SEED = 20260105
INPUTS = int(os.environ.get("GROUNDWIRE_FUZZ_INPUTS", "3000"))
SHARE = {
    "relay_api": 6,
    "session": 3,
    "packages": 2,
}  # targets whose inputs cost more get so many times fewer
PATIENCE = 20.0  # processor seconds for one input: a hundred times what the slowest took
pytestmark = pytest.mark.filterwarnings("ignore::UserWarning:zeep")  # of a WSDL that it takes only in part
LARGEST_KEPT = 16_384
MOST_KEPT = 60


@pytest.mark.parametrize("name", NAMES)
def test_what_is_kept_is_read_or_refused_as_documented(name: str) -> None:
    chosen = target(name)
    for data in chosen.beginnings():
        _feed(chosen.feed, data, name)


@pytest.mark.parametrize("name", NAMES)
def test_inputs_of_a_fixed_seed_are_read_or_refused_as_documented(name: str) -> None:
    chosen = target(name)
    for data in mutants(chosen.beginnings(), INPUTS // SHARE.get(name, 1), SEED):
        _feed(chosen.feed, data, name)


def _feed(feed: object, data: bytes, name: str) -> None:
    assert callable(feed)
    began = process_time()
    try:
        feed(data)
    except BaseException as error:
        error.add_note(f"target {name}, input {data!r}")
        raise
    assert process_time() - began < PATIENCE, f"target {name}, input {data!r}"


@pytest.mark.parametrize("name", NAMES)
def test_the_kept_inputs_of_a_target_are_few_and_small(name: str) -> None:
    kept = target(name).kept()

    assert len(kept) <= MOST_KEPT
    assert all(path.stat().st_size <= LARGEST_KEPT for path in kept)


def test_every_folder_of_kept_inputs_has_its_target() -> None:
    folders = {path.name for path in Path(__file__).with_name("corpus").iterdir()}

    assert folders <= set(NAMES)

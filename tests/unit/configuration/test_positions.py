from __future__ import annotations

import tomllib
from collections.abc import Iterator
from typing import Any

import tomlkit
from hypothesis import given
from hypothesis import strategies as st

from agent.configuration.positions import Path, key_lines

KEYS = st.text(st.sampled_from("abcXYZ019_- .\"'#é[]=\t\\"), min_size=1, max_size=8)
LEAVES = st.one_of(
    st.integers(-(2**40), 2**40),
    st.booleans(),
    st.text(st.sampled_from("ab \"'\\#[]{}=,.\n\té"), max_size=20),
    st.dates(),
    st.datetimes(),
)
VALUES = st.recursive(
    LEAVES,
    lambda below: st.one_of(st.lists(below, max_size=3), st.dictionaries(KEYS, below, max_size=3)),
    max_leaves=12,
)
DOCUMENTS = st.dictionaries(KEYS, VALUES, max_size=5)


def paths_of(value: Any, path: Path = ()) -> Iterator[Path]:
    if isinstance(value, dict):
        for key, below in value.items():
            yield (*path, key)
            yield from paths_of(below, (*path, key))
    elif isinstance(value, list):
        for index, below in enumerate(value):
            yield (*path, index)
            yield from paths_of(below, (*path, index))


@given(DOCUMENTS)
def test_every_key_of_any_document_has_a_line(document: dict[str, Any]) -> None:
    """The scanner finds exactly the keys that tomllib finds."""
    text = tomlkit.dumps(document)

    lines = key_lines(text)

    assert set(lines) == set(paths_of(tomllib.loads(text)))
    assert all(1 <= line <= text.count("\n") + 1 for line in lines.values())


def test_lines_of_every_way_to_write_a_key() -> None:
    text = '''# a comment = 1
a = 1
b.c = "x # not a comment"

[d]          # header
e = """
f = "not a key"
"""
g = [
  1,
  { h = 2 }, # inline
]
[[i]]
j = 1
[[i]]
j = 2
[i.k]
"l.m" = \'\'\'it\'s\'\'\'
'''

    lines = key_lines(text)

    assert lines == {
        ("a",): 2,
        ("b",): 3,
        ("b", "c"): 3,
        ("d",): 5,
        ("d", "e"): 6,
        ("d", "g"): 9,
        ("d", "g", 0): 10,
        ("d", "g", 1): 11,
        ("d", "g", 1, "h"): 11,
        ("i",): 13,
        ("i", 0): 13,
        ("i", 0, "j"): 14,
        ("i", 1): 15,
        ("i", 1, "j"): 16,
        ("i", 1, "k"): 17,
        ("i", 1, "k", "l.m"): 18,
    }

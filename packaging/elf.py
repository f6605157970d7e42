"""Native libraries of Linux, read and changed as bytes: what they need, by which name they are known, where they look."""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

MAGIC: Final = b"\x7fELF"
_CLASS_64_LITTLE: Final = b"\x02\x01"
_SHT_STRTAB, _SHT_DYNAMIC, _SHT_VERNEED = 3, 6, 0x6FFFFFFE
_DT_RPATH, _DT_RUNPATH = 15, 29
_ENTRY: Final = struct.Struct("<qQ")  # of the dynamic section
OWN_FOLDER: Final = "$ORIGIN"
_GLIBC: Final = re.compile(r"GLIBC_(\d+(?:\.\d+)+)")


def is_elf(file: Path) -> bool:
    with file.open("rb") as opened:
        return opened.read(4) == MAGIC


def glibc_needed(file: Path) -> tuple[int, ...]:
    """The newest version of the C library that any symbol of it is asked of; () where none has a version."""
    versions = (_GLIBC.fullmatch(name) for name in version_needs(file.read_bytes()))
    return max((tuple(map(int, found[1].split("."))) for found in versions if found), default=())


def version_needs(content: bytes) -> Iterator[str]:
    """The names of the versions that a library or program needs of others, such as GLIBC_2.28."""
    for kind, offset, _, link in _sections(content):
        if kind != _SHT_VERNEED:
            continue
        strings = _sections(content)[link][1]
        at = offset
        while True:
            _, count, _, first, following = struct.unpack_from("<HHIII", content, at)
            one = at + first
            for _ in range(count):
                _, _, _, name, step = struct.unpack_from("<IHHII", content, one)
                yield content[strings + name : content.index(b"\0", strings + name)].decode()
                one += step
            if not following:
                break
            at += following


def renamed(content: bytes, names: Mapping[str, str]) -> bytes:
    """With libraries known by other names of the same length, its own among them."""
    for kind, offset, size, _ in _sections(content):
        if kind != _SHT_STRTAB:
            continue
        table = content[offset : offset + size]
        for old, new in names.items():
            table = table.replace(b"\0%b\0" % old.encode(), b"\0%b\0" % new.encode())
        content = content[:offset] + table + content[offset + size :]
    return content


def search_paths(content: bytes) -> list[str]:
    """Where it looks for what it needs, before the system's own folders."""
    return [path for _, path in _search_entries(content)]


def without_foreign_paths(content: bytes) -> bytes:
    """It looks beside itself and where the system looks, and nowhere that its builder's machine had a folder.

    Whoever can make such a folder on another machine would put code into every process that loads this. Raises
    ValueError where one entry names both.
    """
    for at, path in reversed(list(_search_entries(content))):
        beside = [one.startswith(OWN_FOLDER) for one in path.split(":")]
        if all(beside):
            continue
        if any(beside):
            raise ValueError(f"looks both beside itself and elsewhere: {path}")
        end = next(start + size for kind, start, size, _ in _sections(content) if kind == _SHT_DYNAMIC)
        # What follows moves up; the section ends in zeros.
        content = content[:at] + content[at + _ENTRY.size : end] + bytes(_ENTRY.size) + content[end:]
    return content


def _search_entries(content: bytes) -> Iterator[tuple[int, str]]:
    """Each with the place of its entry in the dynamic section."""
    for kind, start, size, link in _sections(content):
        if kind != _SHT_DYNAMIC:
            continue
        strings = _sections(content)[link][1]
        for at in range(start, start + size, _ENTRY.size):
            tag, value = _ENTRY.unpack_from(content, at)
            if tag in {_DT_RPATH, _DT_RUNPATH}:
                begin = strings + value
                yield at, content[begin : content.index(b"\0", begin)].decode()


def _sections(content: bytes) -> list[tuple[int, int, int, int]]:
    """Kind, offset, size and link of each. Raises ValueError for another kind of machine than this project builds for."""
    if content[4:6] != _CLASS_64_LITTLE:
        raise ValueError("not of 64 bits, or of the other order of bytes")
    (start,) = struct.unpack_from("<Q", content, 0x28)
    size, count = struct.unpack_from("<HH", content, 0x3A)
    found = []
    for number in range(count):
        _, kind, _, _, offset, length, link = struct.unpack_from("<IIQQQQI", content, start + number * size)
        found.append((kind, offset, length, link))
    return found

"""A data package that was fetched: what its manifest says, and the file of an entity, no further than is allowed.

No path from a package is ever used: entries are told apart by their last name and read as streams.
"""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Final

from lxml import etree

from drivers.contract import BadConfiguration, SourceChanged
from drivers.xml_bounds import LongTag, refuse_long_tags

_MOST_ENTRIES: Final = 2_000  # a project has one file for each entity
_MANIFEST: Final = "manifest.xml"
_ENTITY: Final = "DataManagementPackageEntityData"
_LARGEST_MANIFEST: Final = 8 * 1024 * 1024  # some 40 KiB for each entity of 150 fields
_FULL: Final = "FullPush"
_DAMAGED: Final = (
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    UnicodeDecodeError,
    OverflowError,
    EOFError,
    NotImplementedError,
    RuntimeError,
    OSError,
)


@dataclass(frozen=True, slots=True)
class Listed:
    """One entity as the manifest lists it."""

    entity: str
    refresh: str
    file: str
    fields: tuple[str, ...]  # as the file names them, in capitals


class Package:
    """`limit`: bytes that all files together may have when they are unpacked; counted as they come, not as stated."""

    def __init__(self, path: Path, *, limit: int, where: str) -> None:
        self._where = where
        self._left = limit
        with self._judged():
            self._zip = zipfile.ZipFile(path)
        entries = self._zip.infolist()
        if len(entries) > _MOST_ENTRIES:
            self.close()
            raise SourceChanged(f"the package has {len(entries)} files", where=where, hint=_HINT)
        self._entries = [each for each in entries if not each.filename.endswith("/")]
        try:
            self._listed = self._manifest()
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        self._zip.close()

    def check_full(self, entity: str) -> None:
        """Raises BadConfiguration unless the manifest says that all records were exported."""
        listed = self._of(entity)
        if listed.refresh != _FULL:
            raise BadConfiguration(
                f"the data project exports of {entity!r} what changed ({listed.refresh or 'its manifest does not say'}), "
                "so that records would be missing",
                where=f"{self._where}.project",
                hint="Set the entity's default refresh type in the data project to Full push only, or name a project of "
                "its own for this connection.",
            )

    def fields(self, entity: str) -> tuple[str, ...]:
        return self._of(entity).fields

    @contextmanager
    def opened(self, entity: str) -> Iterator[IO[bytes]]:
        """The file of an entity."""
        with self._opened(self._entry(entity)) as stream:
            yield stream

    def _entry(self, entity: str) -> zipfile.ZipInfo:
        listed = self._of(entity)
        wanted = {_last(listed.file).lower()} if listed.file else set()
        found = [each for each in self._entries if _last(each.filename).lower() in wanted]
        if not found:
            stems = {f"{entity.lower()}{suffix}" for suffix in (".csv", ".txt", ".xml")}
            found = [each for each in self._entries if _last(each.filename).lower() in stems]
        if len(found) == 1:
            return found[0]
        raise SourceChanged(
            f"the package has {len(found) or 'no'} file{'s' if found else ''} of the entity {entity!r}",
            where=self._where,
            hint=_HINT,
        )

    def _of(self, entity: str) -> Listed:
        found = [each for each in self._listed if each.entity.lower() == entity.lower()]
        if found:
            return found[0]
        names = ", ".join(each.entity for each in self._listed[:20])
        raise SourceChanged(
            f"the data project exports no entity {entity!r}",
            where=self._where,
            hint=f"It exports {names or 'none'}. Add the entity, or correct its name.",
        )

    # --- the manifest

    def _manifest(self) -> list[Listed]:
        found = [each for each in self._entries if _last(each.filename).lower() == _MANIFEST]
        if len(found) != 1:
            raise SourceChanged("the package has no manifest", where=self._where, hint=_HINT)
        with self._opened(found[0]) as stream:
            content = stream.read(_LARGEST_MANIFEST + 1)
        if len(content) > _LARGEST_MANIFEST:
            raise SourceChanged(
                f"the package's manifest is longer than {_LARGEST_MANIFEST} bytes",
                where=self._where,
                hint="Name a data project of its own for this connection, with the entities that its streams read.",
            )
        try:
            refuse_long_tags(content)
            root = etree.fromstring(content, _parser())
        except (etree.XMLSyntaxError, LongTag) as error:
            raise SourceChanged(
                f"the package's manifest is not to be read: {error}", where=self._where
            ) from error
        if root.getroottree().docinfo.doctype:
            raise SourceChanged("the package's manifest declares a document type", where=self._where)
        return [
            Listed(
                _text(each, "EntityName"),
                _text(each, "DefaultRefreshType"),
                _text(each, "InputFilePath"),
                tuple(dict.fromkeys(_fields(each))),
            )
            for each in root.iter()
            if isinstance(each.tag, str) and etree.QName(each).localname == _ENTITY
        ]

    # --- the zip

    @contextmanager
    def _opened(self, entry: zipfile.ZipInfo) -> Iterator[IO[bytes]]:
        with self._judged(), self._zip.open(entry) as raw:
            yield io.BufferedReader(_Bounded(raw, self))

    def take(self, length: int) -> None:
        self._left -= length
        if self._left < 0:
            raise SourceChanged(
                "the package is larger than options.max_unpacked_bytes when it is unpacked",
                where=self._where,
                hint="Let the data project export less, or raise options.max_unpacked_bytes.",
            )

    @contextmanager
    def _judged(self) -> Iterator[None]:
        try:
            yield
        except _DAMAGED as error:
            raise SourceChanged(
                f"the package is no zip archive that can be read: {type(error).__name__}",
                where=self._where,
                hint=_HINT,
            ) from error


_HINT: Final = (
    "Download the package of this job in Data management > Job history, and compare it with the stream."
)


class _Bounded(io.RawIOBase):
    def __init__(self, raw: IO[bytes], package: Package) -> None:
        self._raw = raw
        self._package = package

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        read = self._raw.read(len(buffer))
        self._package.take(len(read))
        buffer[: len(read)] = read
        return len(read)


def _last(name: str) -> str:
    return name.replace("\\", "/").rpartition("/")[2]


def _text(element: Any, name: str) -> str:
    found = next((each for each in element if etree.QName(each).localname == name), None)
    return "" if found is None else (found.text or "").strip()


def _fields(entity: Any) -> Iterator[str]:
    for each in entity.iter():
        if etree.QName(each).localname == "EntityMap":
            name = _text(each, "XMLField") or _text(each, "EntityField")
            if name:
                yield name.upper()


def _parser() -> Any:
    return etree.XMLParser(
        resolve_entities=False, no_network=True, load_dtd=False, remove_comments=True, remove_pis=True
    )

"""A data package of Finance & Operations: its zip, manifest and files; what its executions say went wrong."""

from __future__ import annotations

import io
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

from drivers.contract import DriverError
from drivers.dmf.errors import execution_errors
from drivers.dmf.package import Package
from drivers.dmf.rows import Columns, rows_of
from tests.dmf.packages import Export, content, exported

LIMIT = 1_000_000
PLACE = Path(tempfile.mkdtemp(prefix="groundwire-fuzz-")) / "package.zip"
FORMS = ("CSV", "CSV-Unicode", "XML-Element", "XML-Attribute")
EXPORT = Export("Vendors", ("ACCOUNT", "NAME"), [{"ACCOUNT": "1", "NAME": "Ä"}, {"ACCOUNT": "2", "NAME": ""}])


def seeds() -> Iterator[bytes]:
    for form in FORMS:
        yield b"\x00" + exported("P", [EXPORT], form)
        yield b"\x01" + content(EXPORT, form)
    with zipfile.ZipFile(io.BytesIO(exported("P", [EXPORT], "CSV"))) as archive:
        yield b"\x02" + archive.read("Manifest.xml")
    yield b'\x03[{"RecordId":"1","Field":"F","ErrorMessage":"No"}]'
    yield b'\x03[{"RecordId":"1","Field":"F","ErrorMessage":"a "quoted" word"},{"RecordId":"2"}]'


def feed(data: bytes) -> None:
    kind, body = (data[0] % 4, data[1:]) if data else (0, b"")
    if kind == 3:
        assert len(execution_errors(body.decode("utf-8", "replace"), ["secret"])) < 1_000
        return
    try:
        if kind == 1:
            _read(io.BufferedReader(io.BytesIO(body)), ("ACCOUNT",))
            return
        PLACE.write_bytes(body if kind == 0 else _zipped(body))
        package = Package(PLACE, limit=LIMIT, where="w")
        try:
            package.check_full("Vendors")
            with package.opened("Vendors") as stream:
                _read(stream, package.fields("Vendors"))
        finally:
            package.close()
    except DriverError:
        pass


def _zipped(manifest: bytes) -> bytes:
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w") as archive:
        archive.writestr("Manifest.xml", manifest)
        archive.writestr("Vendors.csv", content(EXPORT, "CSV"))
    return held.getvalue()


def _read(stream: io.BufferedReader, fields: tuple[str, ...]) -> None:
    columns = Columns()
    for row in rows_of(stream, columns, fields=fields, delimiter=",", encoding="utf-8", where="w"):
        assert len(row) <= len(columns.names)

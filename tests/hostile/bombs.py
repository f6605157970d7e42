"""Inputs that are small as bytes and huge as values, each fed in a process of its own: `python -m tests.hostile.bombs`.

Prints one line of JSON for each: what came of it, by how much the process grew, and the processor time that it took.
"""

from __future__ import annotations

import asyncio
import io
import json
import os
import struct
import tempfile
import time
import warnings
import zipfile
import zlib
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pyarrow as pa

from agent.hosting.pages import decode_page
from agent.model.payload import decode
from agent.protocol.frames import decode as decode_frame
from drivers.dmf.package import Package
from drivers.dmf.rows import Columns, rows_of
from drivers.http.bodies import collect
from drivers.http.messages import Answer
from drivers.netsuite.errors import refusal as netsuite_refusal
from drivers.odata.errors import refusal as odata_refusal
from drivers.odata.metadata import read_model
from drivers.rfc.xml_text import parse as parse_rfc
from drivers.soap.wsdl import read_definitions
from drivers.soap.xml import parsed
from relay.api.exact import read_object
from tests.dmf.packages import Export, exported, manifest
from tests.fuzz.targets.odata import METADATA, NODE, READERS
from tests.fuzz.targets.soap import ENVELOPE
from tests.hostile.measuring import MIB, forget_peak, peak
from tests.unit.drivers.soap.wsdls import ROOT

INFLATED = 256 * MIB
LIMIT = MIB
EXPORT = Export("Vendors", ("ACCOUNT",), [{"ACCOUNT": "1"}])
Feed = Callable[[bytes], object]

LAUGHS = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 12))
DTDS = {
    "laughs": f'<!DOCTYPE x [<!ENTITY l0 "lol">{LAUGHS}]><x>&l11;</x>',
    "quadratic": f'<!DOCTYPE x [<!ENTITY a "{"a" * 100_000}">]><x>{"&a;" * 10_000}</x>',
    "external": '<!DOCTYPE x SYSTEM "file:///etc/passwd"><x/>',
    "external entity": '<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]><x>&e;</x>',
    "parameter entity": '<!DOCTYPE x [<!ENTITY % p SYSTEM "file:///etc/passwd"> %p;]><x/>',
}
SHAPES = {
    "attributes": "<x " + " ".join(f'a{n}=""' for n in range(1_000_000)) + "/>",
    "deep": "<x>" * 200_000 + "</x>" * 200_000,
    "text": f"<x>{'a' * 12_000_000}</x>",
}


def deflated(wbits: int) -> bytes:
    packer = zlib.compressobj(9, wbits=wbits)
    return b"".join([packer.compress(bytes(MIB)) for _ in range(INFLATED // MIB)]) + packer.flush()


def answer_as(encoding: str) -> Feed:
    async def chunks(body: bytes) -> AsyncIterator[bytes]:
        for at in range(0, len(body), 65_536):
            yield body[at : at + 65_536]

    return lambda body: asyncio.run(collect(chunks(body), encoding, limit=LIMIT, where="w"))


def package(body: bytes) -> object:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "p.zip"
        path.write_bytes(body)
        opened = Package(path, limit=LIMIT, where="w")
        with opened.opened("Vendors") as stream:
            return sum(
                1 for _ in rows_of(stream, Columns(), fields=(), delimiter=",", encoding="utf-8", where="w")
            )


def zipped(vendors: bytes, listed: bytes | None = None) -> bytes:
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("Manifest.xml", manifest("P", [EXPORT], "CSV") if listed is None else listed)
        archive.writestr("Vendors.csv", vendors)
    return held.getvalue()


def arrow(compression: str) -> bytes:
    sink = pa.BufferOutputStream()
    made = pa.table({"__key": ["a"], "key": ["a"], "notes": ["x" * (INFLATED // 4)]})
    made = made.replace_schema_metadata({"entity": "purchase_order", "kind": "records", "count": "1"})
    with pa.ipc.new_stream(
        sink, made.schema, options=pa.ipc.IpcWriteOptions(compression=compression)
    ) as writer:
        writer.write_table(made)
    return sink.getvalue().to_pybytes()


def payload(plain: bytes, size: int | None = None) -> bytes:
    packed = pa.Codec("zstd").compress(plain, asbytes=True)
    return struct.pack("<4sI", b"GWA1", len(plain) if size is None else size) + packed


def wsdl(document: bytes) -> object:
    return read_definitions({"http://erp/things": document}, "http://erp/things", where="w")


READERS_OF_XML: dict[str, tuple[Feed, bytes]] = {
    "soap": (parsed, ENVELOPE % b"<a/>"),
    "rfc": (parse_rfc, ENVELOPE % b"<a/>"),
    "metadata": (lambda body: read_model(body, where="w"), METADATA),
    "wsdl": (wsdl, ROOT.encode()),
    "manifest": (package, exported("P", [EXPORT], "CSV")),
    "entity file": (package, exported("P", [EXPORT], "XML-Element")),
}


def in_package(name: str, document: bytes) -> bytes:
    return zipped(b"ACCOUNT\r\n1\r\n", document) if name == "manifest" else zipped(document)


def json_feeds() -> dict[str, Feed]:
    return {
        "odata": lambda body: READERS[4].read(body, where="w"),
        "odata error": lambda body: odata_refusal(Answer(400, {}, body), where="w"),
        "netsuite error": lambda body: netsuite_refusal(Answer(400, {}, body), where="w"),
        "relay body": read_object,
        "frame": lambda body: decode_frame(body.decode()),
    }


def bombs() -> dict[str, tuple[Feed, bytes, bytes]]:
    """By name: who takes it, something harmless for it, and the bomb."""
    found: dict[str, tuple[Feed, bytes, bytes]] = {}
    for encoding, wbits in (("gzip", 31), ("deflate", 15)):
        small = zlib.compressobj(wbits=wbits)
        found[f"http {encoding}"] = answer_as(encoding), small.compress(b"x") + small.flush(), deflated(wbits)
    for encoding in ("br", "zstd"):
        found[f"http {encoding}"] = answer_as(encoding), b"x", deflated(15)
    good = exported("P", [EXPORT], "CSV")
    found["zip"] = package, good, zipped(b"A\r\n" + bytes(INFLATED // 4))
    found["zip manifest"] = package, good, zipped(b"A\r\n1\r\n", b"<a>" + b" " * (INFLATED // 4) + b"</a>")
    for compression in ("zstd", "lz4"):
        bomb = arrow(compression)
        found[f"page {compression}"] = _page, _empty_page(), bomb
        found[f"payload {compression}"] = _records, payload(b"x"), payload(bomb)
    found["payload"] = _records, payload(b"x"), payload(bytes(INFLATED), 1_000)
    found["payload that says so"] = _records, payload(b"x"), payload(bytes(INFLATED))
    for name, (feed, harmless) in READERS_OF_XML.items():
        for kind, text in {**DTDS, **SHAPES}.items():
            document = text.encode()
            inside = in_package(name, document) if feed is package else document
            found[f"{name}: {kind}"] = feed, harmless, inside
    for name, feed in json_feeds().items():
        for opening in ("[", '{"value":'):
            found[f"{name}: {opening} deep"] = feed, b"{}", opening.encode() * 200_000
    return found


def _page(body: bytes) -> object:
    return decode_page({"cursor": "c", "complete": True}, pa.py_buffer(body))


def _empty_page() -> bytes:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, pa.schema({"__key": pa.string()})):
        pass
    return sink.getvalue().to_pybytes()


def _records(body: bytes) -> object:
    return decode("records", body)


def outcome(feed: Feed, body: bytes) -> str:
    try:
        feed(body)
    except Exception as error:
        return type(error).__name__
    return "taken"


def _measured(name: str, feed: Feed, harmless: bytes, bomb: bytes) -> None:
    outcome(feed, harmless)
    before, began = forget_peak(), time.process_time()
    ended = outcome(feed, bomb)
    took = time.process_time() - began
    print(json.dumps({"name": name, "outcome": ended, "grown": peak() - before, "seconds": took}), flush=True)


def main() -> None:
    warnings.simplefilter("ignore")
    assert NODE.lists
    for name, (feed, harmless, bomb) in bombs().items():
        child = os.fork()
        if not child:
            _measured(name, feed, harmless, bomb)
            os._exit(0)
        os.waitpid(child, 0)


if __name__ == "__main__":
    main()

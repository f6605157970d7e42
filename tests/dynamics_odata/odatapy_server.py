"""The entities of the tests behind odatapy's in-memory server: how it reads paths, filters, orders and marks, cuts lists,
and writes metadata, records and errors nobody here wrote.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, make_server

from lxml import etree
from odatapy.data import Entity as Record
from odatapy.data import ValueType
from odatapy.edm.xml_io import XmlEdmProvider
from odatapy.server.adapters.wsgi import ODataWSGIApp
from odatapy.server.inmemory import InMemoryDataStore, InMemoryProcessor
from odatapy.server.odata import OData

from tests.dynamics_odata.model import Entity, Row, metadata

_EDM = "http://docs.oasis-open.org/odata/ns/edm"
Tables = Mapping[str, Mapping[Any, Row]]


@dataclass
class OdatapyServer:
    namespace: str
    entities: Mapping[str, Entity]
    enums: Mapping[str, tuple[str, ...]]
    root: str
    url: str = ""
    lines: list[str] = field(default_factory=list)  # of requests: METHOD path?query
    store: Any = field(default_factory=InMemoryDataStore)

    def fill(self, tables: Tables) -> None:
        for name, entity in self.entities.items():
            self.store.set_entities(name, [self._record(entity, row) for row in tables[name].values()])
        for name, entity in self.entities.items():
            for way, (target, join) in entity.below.items():
                for each in self.store.entities(name):
                    held = [
                        line
                        for line in self.store.entities(target)
                        if all(line.get_value(theirs) == each.get_value(mine) for mine, theirs in join)
                    ]
                    self.store.set_relation(name, self._key(entity, each), way, held)

    def inside(self, outer: str) -> None:
        """Everything that is there lies in the last record of the outer set."""
        *_, last = self.store.entities(outer)
        for name in self.entities.keys() - {outer}:
            key = self._key(self.entities[outer], last)
            self.store.set_relation(outer, key, name, self.store.entities(name))

    def put(self, set_name: str, number: str, **values: Any) -> None:
        """A change that the product makes by itself."""
        (found,) = (each for each in self.store.entities(set_name) if each.get_value("number") == number)
        for name, value in values.items():
            found.get_property(name).value = value

    def document(self, outer: str = "") -> bytes:
        """`$metadata` with what is below an entity bound to its set; `outer`: the set that the others lie in."""
        root = etree.fromstring(metadata(self.namespace, self.entities, self.enums))
        ways = {
            name: {way: to for way, (to, _) in each.below.items()} for name, each in self.entities.items()
        }
        if outer:
            ways[outer] = {name: name for name in self.entities if name != outer}
            (holder,) = root.iterfind(f".//{{{_EDM}}}EntityType[@Name='{self.entities[outer].type_name}']")
            for name in ways[outer]:
                type_ = f"Collection({self.namespace}.{self.entities[name].type_name})"
                etree.SubElement(holder, f"{{{_EDM}}}NavigationProperty", Name=name, Type=type_)
        for each in root.iterfind(f".//{{{_EDM}}}EntitySet"):
            for way, to in ways[each.get("Name")].items():
                etree.SubElement(each, f"{{{_EDM}}}NavigationPropertyBinding", Path=way, Target=to)
        return bytes(etree.tostring(root))

    @contextmanager
    def serving(self, document: bytes, page_size: int) -> Iterator[OdatapyServer]:
        odata = OData()
        handler = odata.create_handler(odata.create_service_metadata(XmlEdmProvider(document), "4.0"))
        handler.register(InMemoryProcessor(self.store, page_size=page_size))
        lines = self.lines

        class Quiet(WSGIRequestHandler):
            def log_message(self, *_: Any) -> None:
                lines.append(f"{self.command} {self.path}")

        with make_server(
            "127.0.0.1", 0, ODataWSGIApp(handler, mount_path=self.root), handler_class=Quiet
        ) as server:
            self.url = f"http://127.0.0.1:{server.server_port}"
            thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
            thread.start()
            try:
                yield self
            finally:
                server.shutdown()
                thread.join()

    def _key(self, entity: Entity, record: Any) -> str:
        return "|".join(repr(record.get_value(name)) for name in entity.key)

    def _record(self, entity: Entity, row: Row) -> Any:
        record = Record(type=f"{self.namespace}.{entity.type_name}", etag='W/"1"')
        for name, each in entity.properties.items():
            if each.type in self.enums:
                record.set_property(name, row[name], ValueType.ENUM, f"{self.namespace}.{each.type}")
            else:
                record.set_property(name, row[name], ValueType.PRIMITIVE, each.type)
        return record

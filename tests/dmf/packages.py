"""Data packages as Finance & Operations makes them and takes them, with nothing of the driver in it.

What it takes is what its author of public code found that it takes (docs/drivers/dmf.md names where it was read).
"""

from __future__ import annotations

import csv
import io
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from xml.etree import ElementTree as ET
from xml.sax.saxutils import escape, quoteattr

NAMESPACE = "http://schemas.microsoft.com/dynamics/2015/01/DataManagement"
Record = Mapping[str, str]


@dataclass(frozen=True)
class Export:
    entity: str
    fields: Sequence[str]
    records: Sequence[Record]
    refresh: str = "FullPush"


class Unimportable(Exception):
    pass


def exported(project: str, parts: Iterable[Export], form: str) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        made = list(parts)
        archive.writestr("PackageHeader.xml", f'<DataManagementPackageHeader xmlns="{NAMESPACE}"/>')
        archive.writestr("Manifest.xml", manifest(project, made, form))
        for part in made:
            archive.writestr(file_name(part.entity, form), content(part, form))
    return buffer.getvalue()


def file_name(entity: str, form: str) -> str:
    return f"{entity}.{'xml' if form.startswith('XML') else 'csv'}"


def manifest(project: str, parts: Iterable[Export], form: str) -> str:
    entities = "".join(
        f"<DataManagementPackageEntityData><DefaultRefreshType>{part.refresh}</DefaultRefreshType><Disable>false</Disable>"
        f"<EntityMapList>{''.join(_map(name) for name in part.fields)}</EntityMapList>"
        f"<EntityName>{escape(part.entity)}</EntityName><InputFilePath>{escape(file_name(part.entity, form))}</InputFilePath>"
        f"<SourceFormat>{form}</SourceFormat></DataManagementPackageEntityData>"
        for part in parts
    )
    return (
        '<?xml version="1.0" encoding="utf-8"?><DataManagementPackageManifest '
        f'xmlns:i="http://www.w3.org/2001/XMLSchema-instance" xmlns="{NAMESPACE}">'
        f"<DefinitionGroupName>{escape(project)}</DefinitionGroupName><PackageEntityList>{entities}</PackageEntityList>"
        "</DataManagementPackageManifest>"
    )


def _map(name: str) -> str:
    return f"<EntityMap><EntityField>{name}</EntityField><XMLField>{name}</XMLField></EntityMap>"


def content(part: Export, form: str) -> bytes:
    if form == "XML-Element":
        return _elements(part).encode()
    if form == "XML-Attribute":
        rows = "".join(
            f"<RECORD {' '.join(f'{name}={quoteattr(value)}' for name, value in row.items() if value)}/>"
            for row in part.records
        )
        return f'<?xml version="1.0" encoding="utf-8"?><Document>{rows}</Document>'.encode()
    text = io.StringIO()
    lines = csv.writer(text, lineterminator="\r\n")
    lines.writerow(part.fields)
    lines.writerows([row.get(name, "") for name in part.fields] for row in part.records)
    return text.getvalue().encode("utf-16" if form == "CSV-Unicode" else "utf-8")


def _elements(part: Export) -> str:
    rows = "".join(
        "<RECORD>"
        + "".join(
            f"<{name}>{escape(value)}</{name}>" if value else f"<{name}/>" for name, value in row.items()
        )
        + "</RECORD>"
        for row in part.records
    )
    return f'<?xml version="1.0" encoding="utf-8"?><Document>{rows}</Document>'


# --- what is imported


def imported(package: bytes, known: Iterable[str]) -> list[tuple[str, list[dict[str, str]]]]:
    """The records of each entity, in the order in which they are imported. Raises Unimportable."""
    archive = zipfile.ZipFile(io.BytesIO(package))
    root = ET.fromstring(archive.read("Manifest.xml"))  # noqa: S314 - what the driver under test wrote
    if (
        root.tag != f"{{{NAMESPACE}}}DataManagementPackageManifest"
        or "PackageHeader.xml" not in archive.namelist()
    ):
        raise Unimportable("The package is not a data package.")
    found = []
    for entity in root.iter(f"{{{NAMESPACE}}}DataManagementPackageEntityData"):
        words = {each.tag.partition("}")[2]: each.text or "" for each in entity}
        fields = [
            (each.findtext(f"{{{NAMESPACE}}}XMLField"), each.findtext(f"{{{NAMESPACE}}}EntityField"))
            for each in entity.iter(f"{{{NAMESPACE}}}EntityMap")
        ]
        if words["EntityName"] not in known:
            raise Unimportable(f"Entity {words['EntityName']} does not exist in the target environment.")
        order = (
            int(words["ExecutionUnit"]),
            int(words["LevelInExecutionUnit"]),
            int(words["SequenceInLevel"]),
        )
        rows = _rows(archive.read(words["InputFilePath"]), fields, words["EntityName"])
        found.append((order, words["EntityName"], rows))
    return [(name, rows) for _, name, rows in sorted(found)]


def _rows(raw: bytes, fields: Sequence[tuple[str | None, str | None]], entity: str) -> list[dict[str, str]]:
    if not fields:
        return []  # nothing is mapped, so nothing is imported, and nothing is said
    if not raw.startswith(b"\xff\xfe"):
        raise Unimportable("Selected file is not Unicode.")
    text = raw.decode("utf-16")
    if "\n" in text.replace("\r\n", ""):
        raise Unimportable(f"The mapping is incorrect for entity {entity} and field {{1F2A}}.")
    rows = list(csv.DictReader(io.StringIO(text, newline="")))
    return [{str(mine): row[str(theirs)] for theirs, mine in fields} for row in rows]

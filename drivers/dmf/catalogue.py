"""What can be read: the entities of the data projects that export."""

from __future__ import annotations

from drivers.contract import Catalogue, Table
from drivers.dmf.service import Service


async def discover(service: Service) -> Catalogue:
    """Which fields an entity has is known only by exporting it, so that none are told."""
    where = "options"
    projects = await service.listed(
        "DataManagementDefinitionGroups", "?$select=Name,OperationType", where=where
    )
    exporting = {str(each.get("Name", "")) for each in projects if each.get("OperationType") == "Export"}
    rows = await service.listed(
        "DataManagementDefinitionGroupDetails", "?$select=DefinitionGroupId,EntityName", where=where
    )
    names = {
        f"{row.get('DefinitionGroupId')}/{row.get('EntityName')}"
        for row in rows
        if str(row.get("DefinitionGroupId")) in exporting
    }
    return Catalogue(tuple(Table(name, ()) for name in sorted(names)))

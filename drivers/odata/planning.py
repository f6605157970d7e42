"""What a read will ask of a service: its entity sets, how many records, how many requests."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from typing import Any, Final

from drivers.contract import PLAN_SECONDS, ReadMode, ReadPlan, ReadRequest, Throttled, Unreachable
from drivers.digits import natural
from drivers.odata.literals import V4
from drivers.odata.options import ConnectionOptions
from drivers.odata.reading import PageReader
from drivers.odata.requests import all_of
from drivers.odata.service import FAILED, Service
from drivers.odata.shape import StreamShape
from drivers.planning import calls_of

_OK: Final = 300
_COUNT_BYTES: Final = 100  # of a bare count, with blanks about it


async def plan(
    service: Service, options: ConnectionOptions, shape: StreamShape, reader: PageReader, request: ReadRequest
) -> ReadPlan:
    """Raises what would keep the service from being asked at all."""
    notes: list[str] = []
    rows = await _rows(service, shape, reader, request, notes)
    together = min(request.page_rows, options.page_size)
    lines = () if request.mode is ReadMode.KEYS else reader.lines
    own = [each for each in lines if each.entity_set]
    if own:
        notes.append("The headers of each page are read again after their lines: OData has no snapshot.")
        notes.append("Lines of sets of their own may take more requests, where a page has many.")
    linked = shape.options.paging == "links" and request.mode is not ReadMode.BY_KEYS
    if linked:
        notes.append(
            "Behind the last answer the keys are walked again, at least once; the server says how many come at a time."
        )
    expanded = [each for each in lines if each.path]
    prefix = f"{shape.service}/" if shape.service else ""
    return ReadPlan(
        objects=(
            f"{prefix}{shape.options.entity_set}",
            *(f"{prefix}{shape.options.entity_set}/{'/'.join(each.path)}" for each in expanded),
            *(f"{each.service + '/' if each.service else prefix}{each.entity_set}" for each in own),
        ),
        rows_per_call=together,
        rows=rows,
        exact=rows is not None,
        calls=calls_of(rows, together, each_page=1 + len(own) + bool(own) + linked),
        sessions=options.parallel,
        notes=tuple(notes),
    )


async def _rows(
    service: Service, shape: StreamShape, reader: PageReader, request: ReadRequest, notes: list[str]
) -> int | None:
    if request.mode is ReadMode.BY_KEYS:
        return len(request.keys)
    query = {"$filter": all_of(reader.conditions)} if reader.conditions else {}
    try:
        async with asyncio.timeout(PLAN_SECONDS):
            found = await _counted(service, shape, query)
    except TimeoutError:
        notes.append(f"Counting took longer than {PLAN_SECONDS} seconds and was given up.")
        return None
    except (Throttled, Unreachable) as error:
        notes.append(f"The service did not count: {error.message}.")
        return None
    if found is None:
        notes.append("The service counts neither by $count nor in an answer.")
    return found


async def _counted(service: Service, shape: StreamShape, query: Mapping[str, str]) -> int | None:
    """By the count of the set; where a service has none, by a page of no records that says how many there are.

    Where both are refused, the smallest question tells whether the read itself would be: its error is raised.
    """
    entity_set, version = shape.options.entity_set, shape.version
    place = service.within(entity_set)
    url = service.address(f"{place}/$count", query)
    answer = await service.ask(url, version=version, where=shape.where)
    found = _number(answer.body[:_COUNT_BYTES].decode("utf-8-sig", "replace"))
    if answer.status < _OK and found is not None:
        return found
    inline = {"$count": "true"} if version == V4 else {"$inlinecount": "allpages", "$format": "json"}
    url = service.address(place, {**query, "$top": "0", **inline})
    answer = await service.ask(url, version=version, where=shape.where)
    if answer.status < FAILED:
        return _inline(answer.body)
    if shape.options.paging == "keys":
        names = ",".join(each.name for each in shape.key)
        url = service.address(place, {**query, "$select": names, "$top": "1"})
        await service.get(url, version=version, where=shape.where)
    return None


def _inline(body: bytes) -> int | None:
    try:
        document: Any = json.loads(body)
        holder = document.get("d", document)
        return _number(str(holder.get("__count", holder.get("@odata.count", ""))))
    except (ValueError, AttributeError, RecursionError):
        return None


def _number(text: str) -> int | None:
    return natural(text.strip())

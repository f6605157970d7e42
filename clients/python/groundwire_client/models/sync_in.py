from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar, cast

from attrs import define as _attrs_define

from ..types import UNSET, Unset

T = TypeVar("T", bound="SyncIn")


@_attrs_define
class SyncIn:
    """Name streams or entities; with neither, every stream of the connection is meant.

    Attributes:
        entities (list[str] | Unset):
        streams (list[str] | Unset):
        full (bool | Unset): Read everything again instead of what changed since the last sync: the command `resync`.
            Default: False.
        since (None | str | Unset): Read again what changed at or after this moment or day: the command `resync`.
    """

    entities: list[str] | Unset = UNSET
    streams: list[str] | Unset = UNSET
    full: bool | Unset = False
    since: None | str | Unset = UNSET

    def to_dict(self) -> dict[str, Any]:
        entities: list[str] | Unset = UNSET
        if not isinstance(self.entities, Unset):
            entities = self.entities

        streams: list[str] | Unset = UNSET
        if not isinstance(self.streams, Unset):
            streams = self.streams

        full = self.full

        since: None | str | Unset
        if isinstance(self.since, Unset):
            since = UNSET
        else:
            since = self.since

        field_dict: dict[str, Any] = {}

        field_dict.update({})
        if entities is not UNSET:
            field_dict["entities"] = entities
        if streams is not UNSET:
            field_dict["streams"] = streams
        if full is not UNSET:
            field_dict["full"] = full
        if since is not UNSET:
            field_dict["since"] = since

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        entities = cast(list[str], d.pop("entities", UNSET))

        streams = cast(list[str], d.pop("streams", UNSET))

        full = d.pop("full", UNSET)

        def _parse_since(data: object) -> None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(None | str | Unset, data)

        since = _parse_since(d.pop("since", UNSET))

        sync_in = cls(
            entities=entities,
            streams=streams,
            full=full,
            since=since,
        )

        return sync_in

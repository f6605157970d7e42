from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar, cast

from attrs import define as _attrs_define
from attrs import field as _attrs_field

if TYPE_CHECKING:
    from ..models.connection_out_error_type_0 import ConnectionOutErrorType0
    from ..models.connection_out_told_streams_item import ConnectionOutToldStreamsItem


T = TypeVar("T", bound="ConnectionOut")


@_attrs_define
class ConnectionOut:
    """One configured instance of an ERP system at an agent.

    Attributes:
        id (str):
        name (str): Its name at the agent; differs from `id` where two agents use the same.
        agent (str): The agent's id.
        connected (bool): Whether the agent's tunnel is open at this moment.
        system (None | str):
        driver (None | str):
        state (str): As the agent reported it last.
        error (ConnectionOutErrorType0 | None):
        told_streams (list[ConnectionOutToldStreamsItem]): The streams as the agent reported them last: state, next run,
            `remap` (offered, where records stored here have the form of an older mapping), newColumns and goneColumns of
            the source.
        paused (bool | None): Whether its syncs are paused; null: the agent does not say.
        commands (list[str] | None): The commands that the local policy lets pass; null: the agent does not say.
        updated_at (datetime.datetime):
    """

    id: str
    name: str
    agent: str
    connected: bool
    system: None | str
    driver: None | str
    state: str
    error: ConnectionOutErrorType0 | None
    told_streams: list[ConnectionOutToldStreamsItem]
    paused: bool | None
    commands: list[str] | None
    updated_at: datetime.datetime
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        from ..models.connection_out_error_type_0 import ConnectionOutErrorType0  # noqa: PLC0415

        id = self.id

        name = self.name

        agent = self.agent

        connected = self.connected

        system: None | str
        system = self.system

        driver: None | str
        driver = self.driver

        state = self.state

        error: dict[str, Any] | None
        if isinstance(self.error, ConnectionOutErrorType0):
            error = self.error.to_dict()
        else:
            error = self.error

        told_streams = []
        for told_streams_item_data in self.told_streams:
            told_streams_item = told_streams_item_data.to_dict()
            told_streams.append(told_streams_item)

        paused: bool | None
        paused = self.paused

        commands: list[str] | None
        if isinstance(self.commands, list):
            commands = self.commands

        else:
            commands = self.commands

        updated_at = self.updated_at.isoformat()

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "id": id,
                "name": name,
                "agent": agent,
                "connected": connected,
                "system": system,
                "driver": driver,
                "state": state,
                "error": error,
                "toldStreams": told_streams,
                "paused": paused,
                "commands": commands,
                "updatedAt": updated_at,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from ..models.connection_out_error_type_0 import ConnectionOutErrorType0  # noqa: PLC0415
        from ..models.connection_out_told_streams_item import ConnectionOutToldStreamsItem  # noqa: PLC0415

        d = dict(src_dict)
        id = d.pop("id")

        name = d.pop("name")

        agent = d.pop("agent")

        connected = d.pop("connected")

        def _parse_system(data: object) -> None | str:
            if data is None:
                return data
            return cast(None | str, data)

        system = _parse_system(d.pop("system"))

        def _parse_driver(data: object) -> None | str:
            if data is None:
                return data
            return cast(None | str, data)

        driver = _parse_driver(d.pop("driver"))

        state = d.pop("state")

        def _parse_error(data: object) -> ConnectionOutErrorType0 | None:
            if data is None:
                return data
            try:
                if not isinstance(data, dict):
                    raise TypeError()
                error_type_0 = ConnectionOutErrorType0.from_dict(data)

                return error_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(ConnectionOutErrorType0 | None, data)

        error = _parse_error(d.pop("error"))

        told_streams = []
        _told_streams = d.pop("toldStreams")
        for told_streams_item_data in _told_streams:
            told_streams_item = ConnectionOutToldStreamsItem.from_dict(told_streams_item_data)

            told_streams.append(told_streams_item)

        def _parse_paused(data: object) -> bool | None:
            if data is None:
                return data
            return cast(bool | None, data)

        paused = _parse_paused(d.pop("paused"))

        def _parse_commands(data: object) -> list[str] | None:
            if data is None:
                return data
            try:
                if not isinstance(data, list):
                    raise TypeError()
                commands_type_0 = cast(list[str], data)

                return commands_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(list[str] | None, data)

        commands = _parse_commands(d.pop("commands"))

        updated_at = datetime.datetime.fromisoformat(d.pop("updatedAt"))

        connection_out = cls(
            id=id,
            name=name,
            agent=agent,
            connected=connected,
            system=system,
            driver=driver,
            state=state,
            error=error,
            told_streams=told_streams,
            paused=paused,
            commands=commands,
            updated_at=updated_at,
        )

        connection_out.additional_properties = d
        return connection_out

    @property
    def additional_keys(self) -> list[str]:
        return list(self.additional_properties.keys())

    def __getitem__(self, key: str) -> Any:
        return self.additional_properties[key]

    def __setitem__(self, key: str, value: Any) -> None:
        self.additional_properties[key] = value

    def __delitem__(self, key: str) -> None:
        del self.additional_properties[key]

    def __contains__(self, key: str) -> bool:
        return key in self.additional_properties

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar, cast

from attrs import define as _attrs_define

from ..models.event_type import EventType
from ..types import UNSET, Unset

T = TypeVar("T", bound="WebhookEndpointIn")


@_attrs_define
class WebhookEndpointIn:
    """
    Attributes:
        url (str):
        description (str | Unset):  Default: ''.
        types (list[EventType] | Unset): The types of events that it is given; empty: all, also those of later versions.
        connections (list[str] | Unset): The connections whose events it is given; empty: all, and what belongs to none.
        ordered (bool | Unset): One after the other for each connection: one that fails holds up those behind it.
            Default: False.
        enabled (bool | Unset):  Default: True.
        secret (None | str | Unset): A secret of your own, `whsec_` and 24 to 64 bytes in Base64; by default one is
            made.
    """

    url: str
    description: str | Unset = ""
    types: list[EventType] | Unset = UNSET
    connections: list[str] | Unset = UNSET
    ordered: bool | Unset = False
    enabled: bool | Unset = True
    secret: None | str | Unset = UNSET

    def to_dict(self) -> dict[str, Any]:
        url = self.url

        description = self.description

        types: list[str] | Unset = UNSET
        if not isinstance(self.types, Unset):
            types = []
            for types_item_data in self.types:
                types_item = types_item_data.value
                types.append(types_item)

        connections: list[str] | Unset = UNSET
        if not isinstance(self.connections, Unset):
            connections = self.connections

        ordered = self.ordered

        enabled = self.enabled

        secret: None | str | Unset
        if isinstance(self.secret, Unset):
            secret = UNSET
        else:
            secret = self.secret

        field_dict: dict[str, Any] = {}

        field_dict.update(
            {
                "url": url,
            }
        )
        if description is not UNSET:
            field_dict["description"] = description
        if types is not UNSET:
            field_dict["types"] = types
        if connections is not UNSET:
            field_dict["connections"] = connections
        if ordered is not UNSET:
            field_dict["ordered"] = ordered
        if enabled is not UNSET:
            field_dict["enabled"] = enabled
        if secret is not UNSET:
            field_dict["secret"] = secret

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        url = d.pop("url")

        description = d.pop("description", UNSET)

        _types = d.pop("types", UNSET)
        types: list[EventType] | Unset = UNSET
        if _types is not UNSET:
            types = []
            for types_item_data in _types:
                types_item = EventType(types_item_data)

                types.append(types_item)

        connections = cast(list[str], d.pop("connections", UNSET))

        ordered = d.pop("ordered", UNSET)

        enabled = d.pop("enabled", UNSET)

        def _parse_secret(data: object) -> None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(None | str | Unset, data)

        secret = _parse_secret(d.pop("secret", UNSET))

        webhook_endpoint_in = cls(
            url=url,
            description=description,
            types=types,
            connections=connections,
            ordered=ordered,
            enabled=enabled,
            secret=secret,
        )

        return webhook_endpoint_in

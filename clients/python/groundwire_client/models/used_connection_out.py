from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import Any, TypeVar

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..models.standing import Standing

T = TypeVar("T", bound="UsedConnectionOut")


@_attrs_define
class UsedConnectionOut:
    """
    Attributes:
        connection (str):
        agent (str):
        system (str):
        tier (int):
        on_premises (bool):
        credits_ (int): What it costs; held while it is established.
        standing (Standing):
        since (datetime.datetime):
    """

    connection: str
    agent: str
    system: str
    tier: int
    on_premises: bool
    credits_: int
    standing: Standing
    since: datetime.datetime
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        connection = self.connection

        agent = self.agent

        system = self.system

        tier = self.tier

        on_premises = self.on_premises

        credits_ = self.credits_

        standing = self.standing.value

        since = self.since.isoformat()

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "connection": connection,
                "agent": agent,
                "system": system,
                "tier": tier,
                "onPremises": on_premises,
                "credits": credits_,
                "standing": standing,
                "since": since,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        connection = d.pop("connection")

        agent = d.pop("agent")

        system = d.pop("system")

        tier = d.pop("tier")

        on_premises = d.pop("onPremises")

        credits_ = d.pop("credits")

        standing = Standing(d.pop("standing"))

        since = datetime.datetime.fromisoformat(d.pop("since"))

        used_connection_out = cls(
            connection=connection,
            agent=agent,
            system=system,
            tier=tier,
            on_premises=on_premises,
            credits_=credits_,
            standing=standing,
            since=since,
        )

        used_connection_out.additional_properties = d
        return used_connection_out

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

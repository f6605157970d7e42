from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import Any, TypeVar, cast

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..models.usage_action import UsageAction

T = TypeVar("T", bound="UsageLineOut")


@_attrs_define
class UsageLineOut:
    """
    Attributes:
        n (int): 1, 2, 3 ... without a gap.
        at (datetime.datetime):
        action (UsageAction):
        connection (None | str): null: it is about the pool.
        credits_ (int):
        in_use (int): Credits in use from then on.
        pool (int | None):
        why (str):
        by_kind (str):
        by_name (str):
    """

    n: int
    at: datetime.datetime
    action: UsageAction
    connection: None | str
    credits_: int
    in_use: int
    pool: int | None
    why: str
    by_kind: str
    by_name: str
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        n = self.n

        at = self.at.isoformat()

        action = self.action.value

        connection: None | str
        connection = self.connection

        credits_ = self.credits_

        in_use = self.in_use

        pool: int | None
        pool = self.pool

        why = self.why

        by_kind = self.by_kind

        by_name = self.by_name

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "n": n,
                "at": at,
                "action": action,
                "connection": connection,
                "credits": credits_,
                "inUse": in_use,
                "pool": pool,
                "why": why,
                "byKind": by_kind,
                "byName": by_name,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        n = d.pop("n")

        at = datetime.datetime.fromisoformat(d.pop("at"))

        action = UsageAction(d.pop("action"))

        def _parse_connection(data: object) -> None | str:
            if data is None:
                return data
            return cast(None | str, data)

        connection = _parse_connection(d.pop("connection"))

        credits_ = d.pop("credits")

        in_use = d.pop("inUse")

        def _parse_pool(data: object) -> int | None:
            if data is None:
                return data
            return cast(int | None, data)

        pool = _parse_pool(d.pop("pool"))

        why = d.pop("why")

        by_kind = d.pop("byKind")

        by_name = d.pop("byName")

        usage_line_out = cls(
            n=n,
            at=at,
            action=action,
            connection=connection,
            credits_=credits_,
            in_use=in_use,
            pool=pool,
            why=why,
            by_kind=by_kind,
            by_name=by_name,
        )

        usage_line_out.additional_properties = d
        return usage_line_out

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

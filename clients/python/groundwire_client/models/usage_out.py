from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar, cast

from attrs import define as _attrs_define
from attrs import field as _attrs_field

T = TypeVar("T", bound="UsageOut")


@_attrs_define
class UsageOut:
    """
    Attributes:
        pool (int | None): Connection credits that the tenant has; null: no bound.
        in_use (int):
        free (int | None):
        over_use (int): What is in use beyond the pool; it runs, and new connections are refused.
        established (int): Connections that hold credits.
        refused (int): Connections that wait for credits.
        needed (int): Credits that the refused ones wait for.
        released (int): Connections whose credits were taken away by `release`.
    """

    pool: int | None
    in_use: int
    free: int | None
    over_use: int
    established: int
    refused: int
    needed: int
    released: int
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        pool: int | None
        pool = self.pool

        in_use = self.in_use

        free: int | None
        free = self.free

        over_use = self.over_use

        established = self.established

        refused = self.refused

        needed = self.needed

        released = self.released

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "pool": pool,
                "inUse": in_use,
                "free": free,
                "overUse": over_use,
                "established": established,
                "refused": refused,
                "needed": needed,
                "released": released,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)

        def _parse_pool(data: object) -> int | None:
            if data is None:
                return data
            return cast(int | None, data)

        pool = _parse_pool(d.pop("pool"))

        in_use = d.pop("inUse")

        def _parse_free(data: object) -> int | None:
            if data is None:
                return data
            return cast(int | None, data)

        free = _parse_free(d.pop("free"))

        over_use = d.pop("overUse")

        established = d.pop("established")

        refused = d.pop("refused")

        needed = d.pop("needed")

        released = d.pop("released")

        usage_out = cls(
            pool=pool,
            in_use=in_use,
            free=free,
            over_use=over_use,
            established=established,
            refused=refused,
            needed=needed,
            released=released,
        )

        usage_out.additional_properties = d
        return usage_out

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

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar, cast

from attrs import define as _attrs_define

from ..types import UNSET, Unset

T = TypeVar("T", bound="TenantChange")


@_attrs_define
class TenantChange:
    """What is left out stays.

    Attributes:
        disabled (bool | None | Unset):
        credit_pool (int | None | Unset): null: no bound. Below what is in use it touches nothing that runs.
    """

    disabled: bool | None | Unset = UNSET
    credit_pool: int | None | Unset = UNSET

    def to_dict(self) -> dict[str, Any]:
        disabled: bool | None | Unset
        if isinstance(self.disabled, Unset):
            disabled = UNSET
        else:
            disabled = self.disabled

        credit_pool: int | None | Unset
        if isinstance(self.credit_pool, Unset):
            credit_pool = UNSET
        else:
            credit_pool = self.credit_pool

        field_dict: dict[str, Any] = {}

        field_dict.update({})
        if disabled is not UNSET:
            field_dict["disabled"] = disabled
        if credit_pool is not UNSET:
            field_dict["creditPool"] = credit_pool

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)

        def _parse_disabled(data: object) -> bool | None | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(bool | None | Unset, data)

        disabled = _parse_disabled(d.pop("disabled", UNSET))

        def _parse_credit_pool(data: object) -> int | None | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(int | None | Unset, data)

        credit_pool = _parse_credit_pool(d.pop("creditPool", UNSET))

        tenant_change = cls(
            disabled=disabled,
            credit_pool=credit_pool,
        )

        return tenant_change

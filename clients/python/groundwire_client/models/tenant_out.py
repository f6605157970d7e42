from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import Any, TypeVar, cast

from attrs import define as _attrs_define
from attrs import field as _attrs_field

T = TypeVar("T", bound="TenantOut")


@_attrs_define
class TenantOut:
    """
    Attributes:
        id (str):
        created_at (datetime.datetime):
        disabled_at (datetime.datetime | None): Its tokens open nothing since then, and its agents wait.
        remove_after (datetime.datetime | None): It was deleted: from then on everything of it is removed. null: it
            stays.
        credit_pool (int | None): Connection credits that it has; null: no bound.
        credits_in_use (int):
    """

    id: str
    created_at: datetime.datetime
    disabled_at: datetime.datetime | None
    remove_after: datetime.datetime | None
    credit_pool: int | None
    credits_in_use: int
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        id = self.id

        created_at = self.created_at.isoformat()

        disabled_at: None | str
        if isinstance(self.disabled_at, datetime.datetime):
            disabled_at = self.disabled_at.isoformat()
        else:
            disabled_at = self.disabled_at

        remove_after: None | str
        if isinstance(self.remove_after, datetime.datetime):
            remove_after = self.remove_after.isoformat()
        else:
            remove_after = self.remove_after

        credit_pool: int | None
        credit_pool = self.credit_pool

        credits_in_use = self.credits_in_use

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "id": id,
                "createdAt": created_at,
                "disabledAt": disabled_at,
                "removeAfter": remove_after,
                "creditPool": credit_pool,
                "creditsInUse": credits_in_use,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        id = d.pop("id")

        created_at = datetime.datetime.fromisoformat(d.pop("createdAt"))

        def _parse_disabled_at(data: object) -> datetime.datetime | None:
            if data is None:
                return data
            try:
                if not isinstance(data, str):
                    raise TypeError()
                disabled_at_type_0 = datetime.datetime.fromisoformat(data)

                return disabled_at_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(datetime.datetime | None, data)

        disabled_at = _parse_disabled_at(d.pop("disabledAt"))

        def _parse_remove_after(data: object) -> datetime.datetime | None:
            if data is None:
                return data
            try:
                if not isinstance(data, str):
                    raise TypeError()
                remove_after_type_0 = datetime.datetime.fromisoformat(data)

                return remove_after_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(datetime.datetime | None, data)

        remove_after = _parse_remove_after(d.pop("removeAfter"))

        def _parse_credit_pool(data: object) -> int | None:
            if data is None:
                return data
            return cast(int | None, data)

        credit_pool = _parse_credit_pool(d.pop("creditPool"))

        credits_in_use = d.pop("creditsInUse")

        tenant_out = cls(
            id=id,
            created_at=created_at,
            disabled_at=disabled_at,
            remove_after=remove_after,
            credit_pool=credit_pool,
            credits_in_use=credits_in_use,
        )

        tenant_out.additional_properties = d
        return tenant_out

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

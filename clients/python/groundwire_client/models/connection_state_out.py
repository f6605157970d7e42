from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar, cast

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..models.health_state import HealthState

T = TypeVar("T", bound="ConnectionStateOut")


@_attrs_define
class ConnectionStateOut:
    """
    Attributes:
        connection (str):
        state (HealthState):
        reasons (list[str]): Their codes; the connection's own health has the rest.
    """

    connection: str
    state: HealthState
    reasons: list[str]
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        connection = self.connection

        state = self.state.value

        reasons = self.reasons

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "connection": connection,
                "state": state,
                "reasons": reasons,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        connection = d.pop("connection")

        state = HealthState(d.pop("state"))

        reasons = cast(list[str], d.pop("reasons"))

        connection_state_out = cls(
            connection=connection,
            state=state,
            reasons=reasons,
        )

        connection_state_out.additional_properties = d
        return connection_state_out

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

from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import Any, TypeVar, cast

from attrs import define as _attrs_define
from attrs import field as _attrs_field

T = TypeVar("T", bound="EnrolmentCodeOut")


@_attrs_define
class EnrolmentCodeOut:
    """
    Attributes:
        id (str): What names the code without giving it away.
        code (str): Shown this once. Used up by the first agent that enrols with it.
        agent_name (None | str):
        expires_at (datetime.datetime):
    """

    id: str
    code: str
    agent_name: None | str
    expires_at: datetime.datetime
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        id = self.id

        code = self.code

        agent_name: None | str
        agent_name = self.agent_name

        expires_at = self.expires_at.isoformat()

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "id": id,
                "code": code,
                "agentName": agent_name,
                "expiresAt": expires_at,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        id = d.pop("id")

        code = d.pop("code")

        def _parse_agent_name(data: object) -> None | str:
            if data is None:
                return data
            return cast(None | str, data)

        agent_name = _parse_agent_name(d.pop("agentName"))

        expires_at = datetime.datetime.fromisoformat(d.pop("expiresAt"))

        enrolment_code_out = cls(
            id=id,
            code=code,
            agent_name=agent_name,
            expires_at=expires_at,
        )

        enrolment_code_out.additional_properties = d
        return enrolment_code_out

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

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar, cast

from attrs import define as _attrs_define

from ..types import UNSET, Unset

T = TypeVar("T", bound="EnrolmentCodeIn")


@_attrs_define
class EnrolmentCodeIn:
    """
    Attributes:
        agent_name (None | str | Unset): Bind the code to this name. If an agent has the name already, enrolling takes
            its place: its key is no longer accepted and its connections go over.
        minutes (int | Unset): How long the code may be used. Default: 60.
    """

    agent_name: None | str | Unset = UNSET
    minutes: int | Unset = 60

    def to_dict(self) -> dict[str, Any]:
        agent_name: None | str | Unset
        if isinstance(self.agent_name, Unset):
            agent_name = UNSET
        else:
            agent_name = self.agent_name

        minutes = self.minutes

        field_dict: dict[str, Any] = {}

        field_dict.update({})
        if agent_name is not UNSET:
            field_dict["agentName"] = agent_name
        if minutes is not UNSET:
            field_dict["minutes"] = minutes

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)

        def _parse_agent_name(data: object) -> None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(None | str | Unset, data)

        agent_name = _parse_agent_name(d.pop("agentName", UNSET))

        minutes = d.pop("minutes", UNSET)

        enrolment_code_in = cls(
            agent_name=agent_name,
            minutes=minutes,
        )

        return enrolment_code_in

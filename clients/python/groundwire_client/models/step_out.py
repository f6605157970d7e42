from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar, cast

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..models.command_state import CommandState

if TYPE_CHECKING:
    from ..models.step_out_result_type_0 import StepOutResultType0


T = TypeVar("T", bound="StepOut")


@_attrs_define
class StepOut:
    """
    Attributes:
        state (CommandState):
        at (datetime.datetime):
        result (None | StepOutResultType0): Of an outcome that was in doubt and is settled.
    """

    state: CommandState
    at: datetime.datetime
    result: None | StepOutResultType0
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        from ..models.step_out_result_type_0 import StepOutResultType0  # noqa: PLC0415

        state = self.state.value

        at = self.at.isoformat()

        result: dict[str, Any] | None
        if isinstance(self.result, StepOutResultType0):
            result = self.result.to_dict()
        else:
            result = self.result

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "state": state,
                "at": at,
                "result": result,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from ..models.step_out_result_type_0 import StepOutResultType0  # noqa: PLC0415

        d = dict(src_dict)
        state = CommandState(d.pop("state"))

        at = datetime.datetime.fromisoformat(d.pop("at"))

        def _parse_result(data: object) -> None | StepOutResultType0:
            if data is None:
                return data
            try:
                if not isinstance(data, dict):
                    raise TypeError()
                result_type_0 = StepOutResultType0.from_dict(data)

                return result_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(None | StepOutResultType0, data)

        result = _parse_result(d.pop("result"))

        step_out = cls(
            state=state,
            at=at,
            result=result,
        )

        step_out.additional_properties = d
        return step_out

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

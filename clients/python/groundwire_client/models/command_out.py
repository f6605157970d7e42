from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar, cast

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..models.command_state import CommandState

if TYPE_CHECKING:
    from ..models.command_out_args import CommandOutArgs
    from ..models.command_out_progress_type_0 import CommandOutProgressType0
    from ..models.command_out_result_type_0 import CommandOutResultType0
    from ..models.field_fault_out import FieldFaultOut
    from ..models.step_out import StepOut


T = TypeVar("T", bound="CommandOut")


@_attrs_define
class CommandOut:
    """Something an agent was asked to do.

    Attributes:
        id (str): Also what the agent knows it by, and the system where it keeps one.
        connection (None | str): The connection's id; null: it is about the agent.
        agent (str):
        agent_connected (bool): Whether the agent's tunnel is open at this moment. While it is not, a queued command
            waits for it, until its deadline.
        kind (str):
        args (CommandOutArgs): As the agent gets them.
        state (CommandState):
        progress (CommandOutProgressType0 | None): The newest word of a running one.
        result (CommandOutResultType0 | None): With the outcome; see the page on commands.
        field_faults (list[FieldFaultOut]): What was wrong with single fields.
        history (list[StepOut]): Every state with its moment, the oldest first.
        created_at (datetime.datetime):
        updated_at (datetime.datetime):
        deadline (datetime.datetime): An agent that learns of the command later does not start it.
    """

    id: str
    connection: None | str
    agent: str
    agent_connected: bool
    kind: str
    args: CommandOutArgs
    state: CommandState
    progress: CommandOutProgressType0 | None
    result: CommandOutResultType0 | None
    field_faults: list[FieldFaultOut]
    history: list[StepOut]
    created_at: datetime.datetime
    updated_at: datetime.datetime
    deadline: datetime.datetime
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        from ..models.command_out_progress_type_0 import CommandOutProgressType0  # noqa: PLC0415
        from ..models.command_out_result_type_0 import CommandOutResultType0  # noqa: PLC0415

        id = self.id

        connection: None | str
        connection = self.connection

        agent = self.agent

        agent_connected = self.agent_connected

        kind = self.kind

        args = self.args.to_dict()

        state = self.state.value

        progress: dict[str, Any] | None
        if isinstance(self.progress, CommandOutProgressType0):
            progress = self.progress.to_dict()
        else:
            progress = self.progress

        result: dict[str, Any] | None
        if isinstance(self.result, CommandOutResultType0):
            result = self.result.to_dict()
        else:
            result = self.result

        field_faults = []
        for field_faults_item_data in self.field_faults:
            field_faults_item = field_faults_item_data.to_dict()
            field_faults.append(field_faults_item)

        history = []
        for history_item_data in self.history:
            history_item = history_item_data.to_dict()
            history.append(history_item)

        created_at = self.created_at.isoformat()

        updated_at = self.updated_at.isoformat()

        deadline = self.deadline.isoformat()

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "id": id,
                "connection": connection,
                "agent": agent,
                "agentConnected": agent_connected,
                "kind": kind,
                "args": args,
                "state": state,
                "progress": progress,
                "result": result,
                "fieldFaults": field_faults,
                "history": history,
                "createdAt": created_at,
                "updatedAt": updated_at,
                "deadline": deadline,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from ..models.command_out_args import CommandOutArgs  # noqa: PLC0415
        from ..models.command_out_progress_type_0 import CommandOutProgressType0  # noqa: PLC0415
        from ..models.command_out_result_type_0 import CommandOutResultType0  # noqa: PLC0415
        from ..models.field_fault_out import FieldFaultOut  # noqa: PLC0415
        from ..models.step_out import StepOut  # noqa: PLC0415

        d = dict(src_dict)
        id = d.pop("id")

        def _parse_connection(data: object) -> None | str:
            if data is None:
                return data
            return cast(None | str, data)

        connection = _parse_connection(d.pop("connection"))

        agent = d.pop("agent")

        agent_connected = d.pop("agentConnected")

        kind = d.pop("kind")

        args = CommandOutArgs.from_dict(d.pop("args"))

        state = CommandState(d.pop("state"))

        def _parse_progress(data: object) -> CommandOutProgressType0 | None:
            if data is None:
                return data
            try:
                if not isinstance(data, dict):
                    raise TypeError()
                progress_type_0 = CommandOutProgressType0.from_dict(data)

                return progress_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(CommandOutProgressType0 | None, data)

        progress = _parse_progress(d.pop("progress"))

        def _parse_result(data: object) -> CommandOutResultType0 | None:
            if data is None:
                return data
            try:
                if not isinstance(data, dict):
                    raise TypeError()
                result_type_0 = CommandOutResultType0.from_dict(data)

                return result_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(CommandOutResultType0 | None, data)

        result = _parse_result(d.pop("result"))

        field_faults = []
        _field_faults = d.pop("fieldFaults")
        for field_faults_item_data in _field_faults:
            field_faults_item = FieldFaultOut.from_dict(field_faults_item_data)

            field_faults.append(field_faults_item)

        history = []
        _history = d.pop("history")
        for history_item_data in _history:
            history_item = StepOut.from_dict(history_item_data)

            history.append(history_item)

        created_at = datetime.datetime.fromisoformat(d.pop("createdAt"))

        updated_at = datetime.datetime.fromisoformat(d.pop("updatedAt"))

        deadline = datetime.datetime.fromisoformat(d.pop("deadline"))

        command_out = cls(
            id=id,
            connection=connection,
            agent=agent,
            agent_connected=agent_connected,
            kind=kind,
            args=args,
            state=state,
            progress=progress,
            result=result,
            field_faults=field_faults,
            history=history,
            created_at=created_at,
            updated_at=updated_at,
            deadline=deadline,
        )

        command_out.additional_properties = d
        return command_out

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

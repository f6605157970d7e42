from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar, cast

from attrs import define as _attrs_define

from ..types import UNSET, Unset

if TYPE_CHECKING:
    from ..models.change_in_changes_item import ChangeInChangesItem


T = TypeVar("T", bound="ChangeIn")


@_attrs_define
class ChangeIn:
    """
    Attributes:
        changes (list[ChangeInChangesItem]): See the page on commands.
        based_on (int | None | Unset): The version that the changes were made from, as `mapping/read` told it; or say it
            in `If-Match`.
        note (None | str | Unset): Why; kept with the version.
    """

    changes: list[ChangeInChangesItem]
    based_on: int | None | Unset = UNSET
    note: None | str | Unset = UNSET

    def to_dict(self) -> dict[str, Any]:
        changes = []
        for changes_item_data in self.changes:
            changes_item = changes_item_data.to_dict()
            changes.append(changes_item)

        based_on: int | None | Unset
        if isinstance(self.based_on, Unset):
            based_on = UNSET
        else:
            based_on = self.based_on

        note: None | str | Unset
        if isinstance(self.note, Unset):
            note = UNSET
        else:
            note = self.note

        field_dict: dict[str, Any] = {}

        field_dict.update(
            {
                "changes": changes,
            }
        )
        if based_on is not UNSET:
            field_dict["basedOn"] = based_on
        if note is not UNSET:
            field_dict["note"] = note

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from ..models.change_in_changes_item import ChangeInChangesItem  # noqa: PLC0415

        d = dict(src_dict)
        changes = []
        _changes = d.pop("changes")
        for changes_item_data in _changes:
            changes_item = ChangeInChangesItem.from_dict(changes_item_data)

            changes.append(changes_item)

        def _parse_based_on(data: object) -> int | None | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(int | None | Unset, data)

        based_on = _parse_based_on(d.pop("basedOn", UNSET))

        def _parse_note(data: object) -> None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(None | str | Unset, data)

        note = _parse_note(d.pop("note", UNSET))

        change_in = cls(
            changes=changes,
            based_on=based_on,
            note=note,
        )

        return change_in

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from attrs import define as _attrs_define

from ..types import UNSET, Unset

T = TypeVar("T", bound="RotateIn")


@_attrs_define
class RotateIn:
    """
    Attributes:
        overlap_minutes (int | Unset): For how long the old secret is taken as well; 0 ends it at once. Default: 1440.
    """

    overlap_minutes: int | Unset = 1440

    def to_dict(self) -> dict[str, Any]:
        overlap_minutes = self.overlap_minutes

        field_dict: dict[str, Any] = {}

        field_dict.update({})
        if overlap_minutes is not UNSET:
            field_dict["overlapMinutes"] = overlap_minutes

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        overlap_minutes = d.pop("overlapMinutes", UNSET)

        rotate_in = cls(
            overlap_minutes=overlap_minutes,
        )

        return rotate_in

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from attrs import define as _attrs_define

from ..types import UNSET, Unset

T = TypeVar("T", bound="AlertRuleIn")


@_attrs_define
class AlertRuleIn:
    """
    Attributes:
        threshold (int):
        enabled (bool | Unset):  Default: True.
    """

    threshold: int
    enabled: bool | Unset = True

    def to_dict(self) -> dict[str, Any]:
        threshold = self.threshold

        enabled = self.enabled

        field_dict: dict[str, Any] = {}

        field_dict.update(
            {
                "threshold": threshold,
            }
        )
        if enabled is not UNSET:
            field_dict["enabled"] = enabled

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        threshold = d.pop("threshold")

        enabled = d.pop("enabled", UNSET)

        alert_rule_in = cls(
            threshold=threshold,
            enabled=enabled,
        )

        return alert_rule_in

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..models.rule import Rule

T = TypeVar("T", bound="AlertRuleOut")


@_attrs_define
class AlertRuleOut:
    """
    Attributes:
        rule (Rule):
        threshold (int):
        unit (str):
        enabled (bool):
        default_threshold (int):
    """

    rule: Rule
    threshold: int
    unit: str
    enabled: bool
    default_threshold: int
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        rule = self.rule.value

        threshold = self.threshold

        unit = self.unit

        enabled = self.enabled

        default_threshold = self.default_threshold

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "rule": rule,
                "threshold": threshold,
                "unit": unit,
                "enabled": enabled,
                "defaultThreshold": default_threshold,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        rule = Rule(d.pop("rule"))

        threshold = d.pop("threshold")

        unit = d.pop("unit")

        enabled = d.pop("enabled")

        default_threshold = d.pop("defaultThreshold")

        alert_rule_out = cls(
            rule=rule,
            threshold=threshold,
            unit=unit,
            enabled=enabled,
            default_threshold=default_threshold,
        )

        alert_rule_out.additional_properties = d
        return alert_rule_out

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

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar, cast

from attrs import define as _attrs_define
from attrs import field as _attrs_field

T = TypeVar("T", bound="WebhookTestOut")


@_attrs_define
class WebhookTestOut:
    """What the endpoint answered to an event of the type `webhook.test`.

    Attributes:
        delivered (bool):
        status (int | None):
        failure (str): Why there was no answer; empty where there was one.
        excerpt (str): The beginning of the answer's body.
        milliseconds (int):
    """

    delivered: bool
    status: int | None
    failure: str
    excerpt: str
    milliseconds: int
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        delivered = self.delivered

        status: int | None
        status = self.status

        failure = self.failure

        excerpt = self.excerpt

        milliseconds = self.milliseconds

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "delivered": delivered,
                "status": status,
                "failure": failure,
                "excerpt": excerpt,
                "milliseconds": milliseconds,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        delivered = d.pop("delivered")

        def _parse_status(data: object) -> int | None:
            if data is None:
                return data
            return cast(int | None, data)

        status = _parse_status(d.pop("status"))

        failure = d.pop("failure")

        excerpt = d.pop("excerpt")

        milliseconds = d.pop("milliseconds")

        webhook_test_out = cls(
            delivered=delivered,
            status=status,
            failure=failure,
            excerpt=excerpt,
            milliseconds=milliseconds,
        )

        webhook_test_out.additional_properties = d
        return webhook_test_out

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

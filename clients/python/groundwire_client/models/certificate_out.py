from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import Any, TypeVar

from attrs import define as _attrs_define
from attrs import field as _attrs_field

T = TypeVar("T", bound="CertificateOut")


@_attrs_define
class CertificateOut:
    """
    Attributes:
        hop (str): Whose it is, never a host's name. Of an agent `relay`: what its connection was opened with. Of a
            connection `source`, `token` (the server that gives out tokens), `proxy`, `packages` (the store of data
            packages) or `client` (the agent's own); a newer agent may name others.
        expires_at (datetime.datetime): As it was shown in the last handshake.
    """

    hop: str
    expires_at: datetime.datetime
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        hop = self.hop

        expires_at = self.expires_at.isoformat()

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "hop": hop,
                "expiresAt": expires_at,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        hop = d.pop("hop")

        expires_at = datetime.datetime.fromisoformat(d.pop("expiresAt"))

        certificate_out = cls(
            hop=hop,
            expires_at=expires_at,
        )

        certificate_out.additional_properties = d
        return certificate_out

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

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar, cast

from attrs import define as _attrs_define

from ..types import UNSET, Unset

T = TypeVar("T", bound="RotateSecretIn")


@_attrs_define
class RotateSecretIn:
    """
    Attributes:
        overlap_hours (int | Unset): How long webhooks are signed with the secret before as well; an older one ends at
            once. Default: 24.
        secret (None | str | Unset): A secret of your own, `whsec_` and 24 to 64 bytes in Base64; by default one is
            made.
    """

    overlap_hours: int | Unset = 24
    secret: None | str | Unset = UNSET

    def to_dict(self) -> dict[str, Any]:
        overlap_hours = self.overlap_hours

        secret: None | str | Unset
        if isinstance(self.secret, Unset):
            secret = UNSET
        else:
            secret = self.secret

        field_dict: dict[str, Any] = {}

        field_dict.update({})
        if overlap_hours is not UNSET:
            field_dict["overlapHours"] = overlap_hours
        if secret is not UNSET:
            field_dict["secret"] = secret

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        overlap_hours = d.pop("overlapHours", UNSET)

        def _parse_secret(data: object) -> None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(None | str | Unset, data)

        secret = _parse_secret(d.pop("secret", UNSET))

        rotate_secret_in = cls(
            overlap_hours=overlap_hours,
            secret=secret,
        )

        return rotate_secret_in

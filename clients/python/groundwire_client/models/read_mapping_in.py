from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar, cast

from attrs import define as _attrs_define

from ..types import UNSET, Unset

T = TypeVar("T", bound="ReadMappingIn")


@_attrs_define
class ReadMappingIn:
    """
    Attributes:
        samples (int | None | Unset): Show values of so many records of the source, as they leave.
    """

    samples: int | None | Unset = UNSET

    def to_dict(self) -> dict[str, Any]:
        samples: int | None | Unset
        if isinstance(self.samples, Unset):
            samples = UNSET
        else:
            samples = self.samples

        field_dict: dict[str, Any] = {}

        field_dict.update({})
        if samples is not UNSET:
            field_dict["samples"] = samples

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)

        def _parse_samples(data: object) -> int | None | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(int | None | Unset, data)

        samples = _parse_samples(d.pop("samples", UNSET))

        read_mapping_in = cls(
            samples=samples,
        )

        return read_mapping_in

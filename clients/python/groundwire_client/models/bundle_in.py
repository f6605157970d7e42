from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from attrs import define as _attrs_define

from ..types import UNSET, Unset

T = TypeVar("T", bound="BundleIn")


@_attrs_define
class BundleIn:
    """
    Attributes:
        list_ (bool | Unset): Answer with the list of what would be in it, and nothing of it. Default: False.
    """

    list_: bool | Unset = False

    def to_dict(self) -> dict[str, Any]:
        list_ = self.list_

        field_dict: dict[str, Any] = {}

        field_dict.update({})
        if list_ is not UNSET:
            field_dict["list"] = list_

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        list_ = d.pop("list", UNSET)

        bundle_in = cls(
            list_=list_,
        )

        return bundle_in

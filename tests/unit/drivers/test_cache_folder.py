"""Where drivers keep what they can fetch anew."""

from __future__ import annotations

import platformdirs
import pytest

from drivers.cache_folder import cache_folder
from drivers.contract import BadConfiguration


def test_each_connection_has_a_folder_of_its_own() -> None:
    assert cache_folder("dmf", "erp", option="folder").parts[-3:] == ("groundwire", "dmf", "erp")


def test_an_account_without_a_home_is_told_which_option_names_a_folder(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def homeless(*_: object, **__: object) -> str:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(platformdirs, "user_cache_dir", homeless)

    with pytest.raises(BadConfiguration) as caught:
        cache_folder("wsdl", "erp", option="wsdl_folder")

    assert caught.value.where == "options.wsdl_folder"
    assert "HOME" in caught.value.hint

from __future__ import annotations

from pathlib import Path

import pytest

from agent.errors import ConfigurationError
from relay.settings import load_settings, parse_settings

ROOT = Path(__file__).resolve().parents[3]


def test_the_example_is_valid_and_names_every_setting() -> None:
    example = ROOT / "config" / "relay.example.toml"
    settings = load_settings(example)
    text = example.read_text("utf-8")

    assert settings.data == ROOT / "config" / "data"
    for section in (settings, settings.gateway, settings.api):
        for name in type(section).model_fields:
            assert name in text


@pytest.mark.parametrize(
    ("document", "place"),
    [
        ({"gatway": {}}, "gatway"),
        ({"gateway": {"port": "no"}}, "gateway.port"),
        ({"gateway": {"host": "0.0.0.0"}}, "gateway.tls"),
        ({"gateway": {"host": "127.0.0.1"}, "api": {"host": "0.0.0.0"}}, "api.tls"),
    ],
)
def test_a_fault_is_named_with_its_place(tmp_path: Path, document: dict[str, object], place: str) -> None:
    with pytest.raises(ConfigurationError, match=place):
        parse_settings(document, base=tmp_path, where="relay.toml")


@pytest.mark.parametrize("content", [b"a = ", b"\xff\xfe", None])
def test_a_file_that_cannot_be_read_is_a_clear_error(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "relay.toml"
    if content is not None:
        path.write_bytes(content)

    with pytest.raises(ConfigurationError) as caught:
        load_settings(path)

    assert caught.value.where == str(path)

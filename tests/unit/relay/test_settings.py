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


def test_a_misspelt_setting_is_told_with_its_line_and_the_nearest_right_name(tmp_path: Path) -> None:
    path = tmp_path / "relay.toml"
    path.write_text("[gateway]\nport = 1\nnew_session_per_second = 3\n", "utf-8")

    with pytest.raises(ConfigurationError) as caught:
        load_settings(path)

    assert caught.value.where == f"{path}:3"
    assert caught.value.hint == 'Did you mean "new_sessions_per_second"?'


def test_every_fault_is_told_and_that_the_relay_is_started_again(tmp_path: Path) -> None:
    path = tmp_path / "relay.toml"
    path.write_text("[gateway]\nport = 'x'\nnew_sessions_per_second = 0\n", "utf-8")

    with pytest.raises(ConfigurationError) as caught:
        load_settings(path)

    for part in (f"{path}:2", "gateway.port", f"{path}:3", "must be greater than or equal to 0.1"):
        assert part in caught.value.message
    assert "start the relay again" in caught.value.hint  # `config check` reads the agent's files alone


@pytest.mark.parametrize("content", [b"a = ", b"\xff\xfe", None])
def test_a_file_that_cannot_be_read_is_a_clear_error(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "relay.toml"
    if content is not None:
        path.write_bytes(content)

    with pytest.raises(ConfigurationError) as caught:
        load_settings(path)

    assert caught.value.where.startswith(str(path))

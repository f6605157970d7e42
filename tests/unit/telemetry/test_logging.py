from __future__ import annotations

import io
import json
import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog
from _pytest.logging import LogCaptureHandler
from hypothesis import given
from hypothesis import strategies as st

from agent.secrets import MASK, SecretRef, resolve
from agent.telemetry.logging import MAX_ITEMS, configure_logging
from agent.telemetry.text import MAX_VALUE_CHARS, clean_text


@pytest.fixture(autouse=True)
def restored_logging() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield
    structlog.reset_defaults()
    root.handlers, root.level = handlers, level


@pytest.fixture
def logged() -> Callable[[], list[dict[str, Any]]]:
    stream = io.StringIO()
    configure_logging(format="json", stream=stream)
    return lambda: [json.loads(line) for line in stream.getvalue().splitlines()]


def test_an_event_is_one_json_line_with_its_time_and_level(
    logged: Callable[[], list[dict[str, Any]]],
) -> None:
    structlog.get_logger().bind(stream="a/b").info("batch_acked", seq=7)

    (line,) = logged()

    assert (line["event"], line["stream"], line["seq"], line["level"]) == ("batch_acked", "a/b", 7, "info")
    assert line["timestamp"].endswith("Z")


def test_a_line_end_or_terminal_code_in_a_value_cannot_forge_a_line() -> None:
    stream = io.StringIO()
    configure_logging(format="console", stream=stream)

    structlog.get_logger().info("row_refused", reason="x\r\n2026 [info] all_fine\x1b[2J\u202e", **{"k\n": 1})

    text = stream.getvalue()
    assert text.count("\n") == 1
    assert "\x1b" not in text
    assert "\u202e" not in text


def test_a_library_s_line_that_cannot_be_made_is_counted_and_told_once(
    logged: Callable[[], list[dict[str, Any]]],
) -> None:
    root = logging.getLogger()
    root.handlers = [one for one in root.handlers if not isinstance(one, LogCaptureHandler)]  # it would raise
    for _ in range(3):
        logging.getLogger("library").warning("%d rows", "some")  # which Python cannot put together

    (line,) = logged()
    assert (line["event"], line["logger"], line["reason"]) == ("log_line_lost", "library", "TypeError")


def test_a_secret_is_masked_in_every_place(
    logged: Callable[[], list[dict[str, Any]]], tmp_path: Path
) -> None:
    resolve(SecretRef("env", "A"), state_dir=tmp_path, environ={"A": "canary-log-55"})
    log = structlog.get_logger()

    log.info("canary-log-55", a="x canary-log-55", b={"c": ["canary-log-55"]}, d=ValueError("canary-log-55"))
    logging.getLogger("library").warning("canary-log-55 %s", "canary-log-55")
    try:
        raise ValueError("canary-log-55")
    except ValueError:
        log.exception("it_failed")

    shown = json.dumps(logged())
    assert "canary" not in shown
    assert shown.count(MASK) >= 6


def test_long_values_are_cut_and_long_lists_too(logged: Callable[[], list[dict[str, Any]]]) -> None:
    structlog.get_logger().info("x", text="a" * 10_000, many=list(range(1_000)))

    (line,) = logged()

    assert len(line["text"]) < MAX_VALUE_CHARS + 50
    assert "10000 characters" in line["text"]
    assert len(line["many"]) == MAX_ITEMS


def test_a_traceback_keeps_its_lines_and_none_begins_at_the_margin() -> None:
    stream = io.StringIO()
    configure_logging(format="console", stream=stream)

    try:
        raise ValueError("first\n2026 [info] forged")
    except ValueError:
        structlog.get_logger().exception("it_failed")

    _, *rest = [line for line in stream.getvalue().splitlines() if line]
    assert rest
    assert all(line.startswith("    ") for line in rest)


def test_what_is_below_the_level_is_not_logged() -> None:
    stream = io.StringIO()
    configure_logging(level="warning", format="json", stream=stream)

    structlog.get_logger().info("quiet")
    logging.getLogger("library").info("quiet")

    assert stream.getvalue() == ""


@given(st.text(max_size=200))
def test_clean_text_is_one_printable_line(text: str) -> None:
    cleaned = clean_text(text)

    assert cleaned.splitlines() in ([], [cleaned])
    assert cleaned.encode("utf-8").decode("utf-8") == cleaned

from __future__ import annotations

import base64

from hypothesis import given
from hypothesis import strategies as st

from agent.hosting.limits import LINE_PERIOD_SECONDS, MAX_LINES_PER_PERIOD
from agent.hosting.output import MAX_REPORTED_CHARS, LineReporter, Redactor
from tests.canaries import betrayed, canary


class Log:
    def __init__(self, *secrets: str) -> None:
        self.lines: list[str] = []
        self.suppressed: list[int] = []
        self.reporter = LineReporter(Redactor(secrets), self.lines.append, self.suppressed.append)


@given(st.binary(max_size=400), st.lists(st.integers(1, 50), max_size=10))
def test_lines_are_the_same_whatever_pieces_they_arrive_in(data, cuts):
    whole, pieces = Log(), Log()
    whole.reporter.feed(data, 0.0)
    whole.reporter.close(0.0)
    for cut in [*cuts, len(data)]:
        pieces.reporter.feed(data[:cut], 0.0)
        data = data[cut:]
    pieces.reporter.close(0.0)

    assert pieces.lines == whole.lines


def test_a_secret_is_taken_out_also_when_it_arrives_in_two_pieces():
    log = Log("hunter2")
    log.reporter.feed(b"Pwd=hun", 0.0)
    log.reporter.feed(b"ter2;\n", 0.0)

    assert log.lines == ["Pwd=[redacted];"]


def test_a_secret_is_taken_out_as_a_header_holds_it():
    for user in ("a", "ab", "abc"):
        header = base64.b64encode(f"{user}:{canary()}".encode()).decode()

        assert not betrayed(Redactor([canary()])(f"Authorization: Basic {header}"))


def test_the_longest_secret_is_taken_out_first():
    assert Redactor(["pass", "password-2"])("password-2") == "[redacted]"


def test_every_line_of_a_secret_of_many_lines_is_taken_out():
    assert Redactor(["first-line\nsecond-line"])("key second-line key") == "key [redacted] key"


def test_an_empty_secret_changes_nothing():
    assert Redactor(["", " "])("a b") == "a b"


def test_a_secret_at_the_cut_of_a_long_line_is_not_reported_in_part():
    log = Log("hunter2-hunter2")
    log.reporter.feed(b"x" * (MAX_REPORTED_CHARS - 4) + b"hunter2-hunter2\n", 0.0)

    assert "hunt" not in log.lines[0]
    assert len(log.lines[0]) == MAX_REPORTED_CHARS


def test_a_line_without_end_takes_bounded_memory():
    log = Log()
    for _ in range(1000):
        log.reporter.feed(b"x" * 10_000, 0.0)
    log.reporter.close(0.0)

    assert [len(line) for line in log.lines] == [MAX_REPORTED_CHARS]


def test_too_many_lines_are_counted_instead_of_reported():
    log = Log()
    log.reporter.feed(b"noise\n" * (MAX_LINES_PER_PERIOD + 7), 0.0)
    log.reporter.feed(b"later\n", LINE_PERIOD_SECONDS)

    assert len(log.lines) == MAX_LINES_PER_PERIOD + 1
    assert log.suppressed == [7]

"""Links, sessions and the password, without a server."""

from __future__ import annotations

from pathlib import Path

import pytest

from agent.audit.trail import Actor, Origin
from agent.clock import ManualClock
from agent.console.door import MAX_LINKS, MAX_NOTES, MAX_SESSIONS, Door, LinkGone, Note, SignedOut
from agent.console.password import LEAST_CHARS, PASSWORD_FILE, Password
from agent.errors import ConfigurationError, StorageDamaged, VersionMismatch
from tests.canaries import canary

ALICE = Actor(Origin.CONSOLE, "alice")


def test_only_so_many_links_are_good_and_the_oldest_gives_way() -> None:
    door = Door(ManualClock())
    links = [door.make_link(ALICE) for _ in range(MAX_LINKS + 1)]

    with pytest.raises(LinkGone):
        door.made_for(links[0])
    assert all(door.made_for(link) == ALICE for link in links[1:])


def test_only_so_many_sessions_live_and_the_one_longest_unused_gives_way() -> None:
    clock = ManualClock()
    door = Door(clock)
    cookies = []
    for _ in range(MAX_SESSIONS):
        cookies.append(door.enter(door.make_link(ALICE))[0])
        clock.advance(1)
    door.session(cookies[0])  # used again
    door.enter(door.make_link(ALICE))

    with pytest.raises(SignedOut):
        door.session(cookies[1])
    assert door.session(cookies[0]).actor == ALICE


def test_what_opens_the_door_is_not_kept() -> None:
    door = Door(ManualClock())
    link = door.make_link(ALICE)
    cookie, _ = door.enter(link)

    assert link not in repr(vars(door))
    assert cookie not in repr(vars(door))


def test_notes_that_nobody_reads_are_bounded() -> None:
    door = Door(ManualClock())
    _, session = door.enter(door.make_link(ALICE))
    for number in range(MAX_NOTES * 2):
        session.notes.append(Note(str(number)))

    assert len(session.notes) == MAX_NOTES


def test_a_password_fits_itself_alone_and_lies_in_no_file(tmp_path: Path) -> None:
    password = Password(tmp_path)
    assert password.fits("anything")  # none is asked for

    password.keep(canary("-console"))
    assert password.fits(canary("-console"))
    assert not password.fits(canary("-console!"))
    assert not password.fits("")
    assert (tmp_path / PASSWORD_FILE).stat().st_mode & 0o077 == 0

    assert password.remove()
    assert not password.remove()
    assert not password.is_set()


def test_a_short_password_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="characters"):
        Password(tmp_path).keep("x" * (LEAST_CHARS - 1))


@pytest.mark.parametrize(
    ("content", "error"),
    [
        (b"", StorageDamaged),
        (b"{}", StorageDamaged),
        (b"[]", StorageDamaged),
        (b'{"version":0,"salt":"00","hash":"00"}', StorageDamaged),
        (b'{"version":1}', StorageDamaged),
        (b'{"version":2,"salt":"00","hash":"00"}', VersionMismatch),
    ],
)
def test_a_file_that_cannot_be_understood_lets_nobody_in(
    tmp_path: Path, content: bytes, error: type[Exception]
) -> None:
    file = tmp_path / PASSWORD_FILE
    file.touch(mode=0o600)
    file.write_bytes(content)

    with pytest.raises(error):
        Password(tmp_path).fits("anything at all")
    assert file.read_bytes() == content


def test_a_file_that_others_could_have_put_there_lets_nobody_in(tmp_path: Path) -> None:
    password = Password(tmp_path)
    password.keep(canary("-console"))
    (tmp_path / PASSWORD_FILE).chmod(0o644)

    with pytest.raises(ConfigurationError):
        password.fits(canary("-console"))

"""What doctor says of the service, by files as systemd and its tools leave them."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from agent.audit.who import user_name
from agent.doctor import services
from agent.setup.services import UNIT
from tests.premises import Premises

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="systemd is Linux's")


@pytest.fixture
def site(tmp_path: Path) -> Premises:
    """With the unit, enabled, for the user whose the state is."""
    site = Premises(tmp_path)
    site.environ["GROUNDWIRE_CONFIG"] = str(site.folder)
    unit = site.root / "usr/lib/systemd/system" / UNIT
    wants = site.root / services.SYSTEM / "multi-user.target.wants"
    for folder in (unit.parent, wants, site.root / "run/systemd/system"):
        folder.mkdir(parents=True)
    unit.write_text(f"[Service]\nUser={user_name(site.state.stat().st_uid)}\n")
    (wants / UNIT).symlink_to(unit)
    return site


async def test_an_enabled_service_of_the_user_whose_the_state_is_is_fine(site: Premises) -> None:
    assert set(await site.ask(services.CHECK)) == {"service.ok"}


async def test_one_that_does_not_start_with_the_machine(site: Premises) -> None:
    (site.root / services.SYSTEM / "multi-user.target.wants" / UNIT).unlink()
    found = await site.ask(services.CHECK)

    assert set(found) == {"service.disabled"}
    assert "systemctl enable" in found["service.disabled"].next_step


async def test_one_of_another_user_also_where_a_drop_in_says_so(site: Premises) -> None:
    drop_in = site.root / services.SYSTEM / f"{UNIT}.d" / "user.conf"
    drop_in.parent.mkdir()
    drop_in.write_text("[Service]\nUser=somebody\n")
    found = await site.ask(services.CHECK)

    assert set(found) == {"service.user"}
    assert found["service.user"].next_step == f"`chown -R somebody: {site.state}`"


async def test_where_nothing_is_installed_or_it_serves_another_folder_nothing_is_wrong(
    site: Premises,
) -> None:
    site.environ["GROUNDWIRE_CONFIG"] = "/etc/elsewhere"
    assert set(await site.ask(services.CHECK)) == {"service.ok"}

    (site.root / "usr/lib/systemd/system" / UNIT).unlink()
    assert set(await site.ask(services.CHECK)) == {"service.ok"}

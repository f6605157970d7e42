"""Records of an earlier form of the mapping."""

from __future__ import annotations

from dataclasses import replace

from agent.errors import Unreachable
from tests.unit.sync.running import World


async def test_a_changed_form_is_offered_to_be_mapped_again_until_a_full_run_has_made_it_whole(
    world: World,
) -> None:
    world.stream = replace(world.stream, form="A")
    assert (await world.run()).remap is False

    world.stream = replace(world.stream, form="B")
    assert (await world.run()).remap is True
    assert (await world.run(full=True)).remap is False


async def test_records_of_a_form_that_was_in_force_for_a_while_are_not_forgotten(world: World) -> None:
    """Whoever goes back to the old mapping still has what the other one made in between."""
    world.stream = replace(world.stream, form="A")
    await world.run()
    world.stream = replace(world.stream, form="B")
    await world.run(keys=("K1",), walk=False)
    world.stream = replace(world.stream, form="A")

    assert (await world.run()).remap is True


async def test_a_full_run_that_another_form_cut_in_two_is_to_be_made_again(world: World) -> None:
    world.stream = replace(world.stream, form="A")
    world.source.fail_at_page, world.source.fault = 3, lambda: Unreachable("gone")
    await world.run()
    world.source.fail_at_page = None
    world.stream = replace(world.stream, form="B")

    assert (await world.run()).remap is True
    assert (await world.run(full=True)).remap is False

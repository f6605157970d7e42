"""What connections cost: the shipped table of systems, and what relay.toml says otherwise."""

from __future__ import annotations

import tomllib
from functools import cache
from importlib.resources import files
from typing import Final

from pydantic import BaseModel, ConfigDict, Field

from relay.usage import Installation, Prices

SHIPPED: Final = "systems.toml"


class System(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    tier: int = Field(ge=1, le=3)
    on_premises: bool


class Usage(BaseModel):
    """Connection credits."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    tier_1: int = Field(default=1, ge=0, le=1_000_000)
    tier_2: int = Field(default=2, ge=0, le=1_000_000)
    tier_3: int = Field(default=4, ge=0, le=1_000_000)
    on_premises_factor: int = Field(default=2, ge=1, le=1_000)
    unknown: System = System(tier=2, on_premises=True)
    default_pool: int | None = Field(default=None, ge=0, le=10**9)
    systems: dict[str, System] = {}

    def prices(self) -> Prices:
        known = {**_shipped(), **{name: _installation(found) for name, found in self.systems.items()}}
        return Prices(
            tiers={1: self.tier_1, 2: self.tier_2, 3: self.tier_3},
            on_premises_factor=self.on_premises_factor,
            unknown=_installation(self.unknown),
            default_pool=self.default_pool,
            systems=known,
        )


@cache
def _shipped() -> dict[str, Installation]:
    read = tomllib.loads(files("relay").joinpath(SHIPPED).read_text("utf-8"))
    return {name: _installation(System.model_validate(found)) for name, found in read.items()}


def _installation(system: System) -> Installation:
    return Installation(system.tier, system.on_premises)


def default_prices() -> Prices:
    return Usage().prices()

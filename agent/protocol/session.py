"""Both sides of the protocol without I/O: messages and time go in, events and messages come out."""

from __future__ import annotations

from agent.protocol.agent_session import AgentSession
from agent.protocol.relay_session import KnownAgent, RelaySession
from agent.protocol.states import Phase

__all__ = ["AgentSession", "KnownAgent", "Phase", "RelaySession"]

"""Pure: a command as the frame that carries it to its agent."""

from __future__ import annotations

from agent.protocol.frames import Command as CommandFrame
from agent.protocol.frames import decode, encode
from relay.lifecycle import Command


def command_frame(command: Command) -> CommandFrame:
    deadline = command.deadline.isoformat().replace("+00:00", "Z")
    return CommandFrame(command.id, command.kind, dict(command.args), deadline)


def check_frame(command: Command) -> None:
    """Raises ProtocolFault where the agent could not read it: too big, too deep, or no text."""
    decode(encode(command_frame(command)))

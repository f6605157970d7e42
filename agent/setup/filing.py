"""The files that set-up writes: each is shown, and one that is there is changed only when somebody says so."""

from __future__ import annotations

from dataclasses import dataclass, field

from agent.errors import NeedsPersonError
from agent.setup.asking import NO, YES, Kind, Person, Question, Saying, Tone, confirmed
from agent.setup.files import difference
from agent.setup.machine_port import Machine

REPLACE: str = "files.replace"  # the key of the answer


class NotReplaced(NeedsPersonError):
    """A file of the configuration is there already, and would have to be changed."""

    code = "setup_file"
    default_hint = (
        "Keep the file, or move it away and begin again: set-up never writes over what somebody wrote."
    )


@dataclass(slots=True)
class Filing:
    person: Person
    machine: Machine
    dry_run: bool = False
    written: list[str] = field(default_factory=list)  # or would be, in a dry run
    _shown: dict[str, str | None] = field(default_factory=dict)  # what was there when somebody said yes

    async def put(self, name: str, text: str) -> bool:
        """Whether the file says `text` now. Raises NotReplaced where nobody is there to be asked."""
        if not await self.agreed(name, text):
            return False
        await self.write(name, text)
        return True

    async def agreed(self, name: str, text: str) -> bool:
        """Whether the file may say `text`: shown and asked for, and not written yet. Raises as `put`."""
        before = self._shown[name] = self.machine.read(name)
        if before == text:
            return True
        lines = tuple(difference(name, before, text))
        self.person.tell(Saying(Tone.FILE, name if before is None else f"{name}, changed", lines=lines))
        return self.dry_run or await self._may(name, before, text)

    async def write(self, name: str, text: str) -> None:
        """What was agreed to. Raises NotReplaced where somebody else has changed the file since."""
        before = self.machine.read(name)
        if before == text:
            self.person.tell(Saying(Tone.DONE, f"{name} says so already."))
            return
        if before != self._shown.get(name, before):
            raise NotReplaced(
                "was changed by somebody else while this was answered; nothing was written into it",
                where=name,
                hint="Answer for the connection once more: the file is read anew.",
            )
        self.written.append(name)
        if self.dry_run:
            self.person.tell(Saying(Tone.NOTE, f"Dry run: {name} is not written."))
            return
        await self.machine.write(name, text)
        self.person.tell(Saying(Tone.DONE, f"{'Wrote' if before is None else 'Changed'} {name}."))

    async def _may(self, name: str, before: str | None, text: str) -> bool:
        """What only gets more at its end is not replaced: with nobody present it is what the answers ask for."""
        if before is None:
            return True
        grows = (
            text.startswith(f"{before.rstrip()}\n") or not before.strip()
        )  # whole lines: 14 is no longer 1
        if grows and (name in self.written or not self.person.present):
            return True
        return await self._may_change(name)

    async def _may_change(self, name: str) -> bool:
        question = Question(
            REPLACE,
            f"{name} is there already. Change it like this?",
            kind=Kind.YES,
            default=YES if self.person.present else NO,
            kept=False,
        )
        if await confirmed(self.person, question):
            return True
        if not self.person.present:
            raise NotReplaced(
                "is there already, and says something else",
                where=name,
                hint="Look at the difference with --dry-run; `[files] replace = true` in the file of answers changes it.",
            )
        return False

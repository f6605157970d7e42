"""Every error an operator can meet, grouped by what to do about it.

- GroundwireError: says what is wrong, where, and what to try next
  - TransientError: the same thing may work later; retried with back-off, for ever
    - Unreachable: nothing answered
    - Throttled: the other side asked for a pause
    - QuietHours: the source is left alone at this time of the day
    - DriverCrashed: the driver's child process ended, hung or grew past its limit
    - Restarting: the connection is being put in force anew
    - StorageFull: the disk holding the state folder is full
    - AuditUnavailable: the audit log cannot be written, so nothing that belongs into it is done
    - UnexpectedError: a fault in Groundwire itself; its stream is tried again, the rest goes on
  - NeedsPersonError: retrying changes nothing; the connection pauses until something is changed
    - ConfigurationError: a file that people edit is wrong
    - CredentialsRefused: user, password, key or token was refused
    - NotPermitted: signed in, but not allowed to read or write this
    - PolicyDenied: the local policy does not allow it
    - Paused: somebody paused the connection
    - SourceChanged: the source no longer has the columns, keys or tables that the connection names
    - DeletionsHeld: so many records are gone at the source that a person should look first
    - Stale: somebody else changed it in between
    - MoreRejects: a mapping would reject records that pass now
    - IdentityRefused: the relay does not take this agent's identity (unknown, revoked, an older epoch)
    - VersionMismatch: two sides, or a file and its reader, speak different versions
    - StorageDamaged: the state folder holds a file that cannot be trusted
    - AlreadyRunning: another process holds this agent's state folder
  - RecordError: this record only; it becomes a dead letter and the rest goes on

Choose the class by recovery, never by where the error came from. A foreign exception is translated once,
at the seam where it enters, and stays in `__cause__`.
"""

from __future__ import annotations

from typing import Final


class GroundwireError(Exception):
    """Something went wrong in Groundwire."""

    code: str = "error"
    default_hint: str = ""

    def __init__(self, message: str = "", *, where: str = "", hint: str = "") -> None:
        self.message = message or (type(self).__doc__ or "").split("\n", 1)[0]
        self.where = where
        self.hint = hint or type(self).default_hint
        super().__init__(self.message)

    def __str__(self) -> str:
        place = f"{self.where}: " if self.where else ""
        return f"{place}{self.message}"


class TransientError(GroundwireError):
    """The same thing may work later."""

    code = "transient"
    default_hint = "Nothing to do: it is tried again by itself with growing pauses."


class Unreachable(TransientError):
    """Nothing answered."""

    code = "unreachable"
    default_hint = "Check that the host is up, the name resolves, and no firewall stands between; `groundwire check` tests every hop."


class Throttled(TransientError):
    """The other side asked for a pause."""

    code = "throttled"
    default_hint = "Nothing to do: it is tried again after the pause that was asked for. If a source asks for it often, sync it less often or read fewer streams at a time."

    def __init__(self, message: str = "", *, retry_after: float, where: str = "", hint: str = "") -> None:
        super().__init__(message, where=where, hint=hint)
        self.retry_after = retry_after


class QuietHours(TransientError):
    """The source is left alone at this time of the day."""

    code = "quiet_hours"
    default_hint = "Nothing to do: it goes on behind its last page when the quiet hours end. `groundwire sync` by hand does not wait for that."


class DriverCrashed(TransientError):
    """The driver's process ended unexpectedly."""

    code = "driver_crashed"
    default_hint = "The process is started again for the next run. If it happens each time, look at the driver's own log lines above and at its version."


class Restarting(TransientError):
    """The connection is being put in force anew."""

    code = "restarting"
    default_hint = (
        "Ask again in a moment: one of its files or secrets was changed, and is being put in force."
    )


class StorageFull(TransientError):
    """The disk that holds the state folder is full."""

    code = "storage_full"
    default_hint = "Make room on the disk; reading goes on by itself, and nothing already stored is lost."


class AuditUnavailable(TransientError):
    """The audit log cannot be written."""

    code = "audit_unavailable"
    default_hint = "Make room on the disk of the state folder, or give the agent's user write access to it; what has to be audited is not done until then."


class UnexpectedError(TransientError):
    """A fault in Groundwire itself."""

    code = "unexpected"
    default_hint = "Please report it with the lines around it in the log. What is stored is safe, and the other streams go on."


class NeedsPersonError(GroundwireError):
    """Somebody has to change something first."""

    code = "needs_person"
    default_hint = "Change what is named here, and ask again."


class ConfigurationError(NeedsPersonError):
    """A configuration file is wrong."""

    code = "configuration"
    default_hint = "Correct the file; `groundwire config check` reads it again."


class CredentialsRefused(NeedsPersonError):
    """The user name, password, key or token was refused."""

    code = "credentials_refused"
    default_hint = "Set the corrected ones with `groundwire secret set NAME`, or change the file they come from; `groundwire check` tries them once. Nothing else tries them again."


class NotPermitted(NeedsPersonError):
    """Signed in, but not allowed to do this."""

    code = "not_permitted"
    default_hint = "Grant the account the missing permission at the source."


class PolicyDenied(NeedsPersonError):
    """The local policy does not allow this."""

    code = "policy"
    default_hint = "If it is meant to be allowed, the administrator of this host writes it into policy.toml; `groundwire policy explain` says which rule is missing."


class Paused(NeedsPersonError):
    """The connection is paused."""

    code = "paused"
    default_hint = "`groundwire resume CONNECTION` lets it run again; so does the command `resume`."


class SourceChanged(NeedsPersonError):
    """The source no longer looks as the connection file says."""

    code = "source_changed"
    default_hint = "Compare with `groundwire discover` and correct the stream's query, key or mapping."


class DeletionsHeld(NeedsPersonError):
    """More records are gone at the source than may be marked as deleted without a person."""

    code = "deletions_held"
    default_hint = "Look at the source. If they are gone on purpose: `groundwire sync CONNECTION/STREAM --accept-deletions`."


class Stale(NeedsPersonError):
    """Somebody else changed it in between."""

    code = "stale"
    default_hint = "Look at what is in force now, and decide again."


class MoreRejects(NeedsPersonError):
    """More records would be rejected than now."""

    code = "more_rejects"
    default_hint = "`groundwire mapping preview` shows which; --accept-rejects takes them as they are."


class IdentityRefused(NeedsPersonError):
    """The relay does not take this agent's identity."""

    code = "identity_refused"
    default_hint = "Enrol again with a new code: `groundwire enroll wss://RELAY CODE --replace`."


class VersionMismatch(NeedsPersonError):
    """The two sides speak different versions."""

    code = "version_mismatch"
    default_hint = "Upgrade the older side."


class StorageDamaged(NeedsPersonError):
    """A file in the state folder cannot be trusted."""

    code = "storage_damaged"
    default_hint = (
        "Keep the file for inspection, move it away and start again: a full re-sync rebuilds what was lost."
    )


class AlreadyRunning(NeedsPersonError):
    """Another process holds this state folder."""

    code = "already_running"
    default_hint = "Stop the other agent, or give this one a state folder of its own."


class RecordError(GroundwireError):
    """This record cannot pass; the others go on."""

    code = "record"
    default_hint = "`groundwire outbox dead-letters` shows field and reason. Correct the record or the mapping, then `groundwire outbox requeue ID`."


def _tree(root: type[GroundwireError]) -> dict[str, type[GroundwireError]]:
    found = {root.code: root}
    for child in root.__subclasses__():
        found |= _tree(child)
    return found


ERRORS_BY_CODE: Final = _tree(GroundwireError)

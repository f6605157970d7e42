from enum import StrEnum


class CommandState(StrEnum):
    CANCELLED = "cancelled"
    EXPIRED = "expired"
    FAILED = "failed"
    IN_DOUBT = "in_doubt"
    QUEUED = "queued"
    REFUSED = "refused"
    RUNNING = "running"
    SENT = "sent"
    SUCCEEDED = "succeeded"

    def __str__(self) -> str:
        return str(self.value)

from enum import StrEnum


class Rule(StrEnum):
    AGENT_OFFLINE = "agent_offline"
    BACKLOG_RECORDS = "backlog_records"
    BACKLOG_TIME = "backlog_time"
    CERTIFICATE_EXPIRES = "certificate_expires"
    CERTIFICATE_URGENT = "certificate_urgent"
    CLOCK_SKEW = "clock_skew"
    CONNECTION_ERROR = "connection_error"
    DEAD_LETTERS = "dead_letters"
    NO_SUCCESSFUL_SYNC = "no_successful_sync"
    OUTBOX_FULL = "outbox_full"

    def __str__(self) -> str:
        return str(self.value)

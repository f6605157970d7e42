from enum import StrEnum


class EventType(StrEnum):
    AGENT_OFFLINE = "agent.offline"
    AGENT_ONLINE = "agent.online"
    ALERT_CLEARED = "alert.cleared"
    ALERT_RAISED = "alert.raised"
    COMMAND_FINISHED = "command.finished"
    CONNECTION_ERROR = "connection.error"
    CONNECTION_NEEDS_REAUTHORISATION = "connection.needs_reauthorisation"
    CONNECTION_STATUS_CHANGED = "connection.status_changed"
    RECORD_CREATED = "record.created"
    RECORD_DELETED = "record.deleted"
    RECORD_UPDATED = "record.updated"
    SYNC_COMPLETED = "sync.completed"
    SYNC_FAILED = "sync.failed"
    SYNC_STARTED = "sync.started"
    USAGE_POOL_EXHAUSTED = "usage.pool_exhausted"
    WEBHOOK_DISABLED = "webhook.disabled"

    def __str__(self) -> str:
        return str(self.value)

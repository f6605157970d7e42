-- Version 2 of the outbox file: what the journal has to know of a command without reading its body, and the
-- connections that somebody has paused.

ALTER TABLE command ADD COLUMN connection TEXT    NOT NULL DEFAULT '';
ALTER TABLE command ADD COLUMN entity     TEXT    NOT NULL DEFAULT '';
ALTER TABLE command ADD COLUMN writes     INTEGER NOT NULL DEFAULT 0;  -- whether it changes the source
ALTER TABLE command ADD COLUMN audited_at INTEGER;                     -- when its outcome was in the audit log

CREATE INDEX command_writes ON command (connection, started_at) WHERE writes = 1;
CREATE INDEX command_unaudited ON command (finished_at) WHERE finished_at IS NOT NULL AND audited_at IS NULL;

-- An answer of version 1 was never audited, and is not to be now.
UPDATE command SET audited_at = finished_at WHERE finished_at IS NOT NULL;

CREATE TABLE paused (
    connection TEXT    PRIMARY KEY,
    since      INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Events: what platforms are told. Numbered in the order in which their transactions commit.

CREATE TABLE event_numbers (
  name        TEXT PRIMARY KEY,
  value       INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

INSERT INTO event_numbers VALUES ('events', 0);          -- the last position given to an event
INSERT INTO event_numbers VALUES ('pruned', 0);          -- the last event that is not kept any more
INSERT INTO event_numbers VALUES ('fanned_out', 0);      -- the last event of which deliveries were made
INSERT INTO event_numbers VALUES ('deliveries', 0);      -- the last position given to a delivery
-- The last batch that events tell of. What was stored before there were events is not told as news.
INSERT INTO event_numbers SELECT 'batches', coalesce(max(position), 0) FROM batches;

CREATE TABLE events (
  position    INTEGER PRIMARY KEY,
  tenant      TEXT NOT NULL,
  id          TEXT NOT NULL,
  at          INTEGER NOT NULL,
  type        TEXT NOT NULL,
  connection  TEXT,
  agent       TEXT,
  subject     TEXT,
  source      INTEGER,                    -- the batch that it was read from
  told_at     INTEGER NOT NULL,
  data        TEXT NOT NULL               -- JSON
) STRICT;

CREATE UNIQUE INDEX events_by_id ON events (tenant, id);
CREATE INDEX events_by_tenant ON events (tenant, position);
CREATE INDEX events_by_time ON events (tenant, told_at);
CREATE INDEX events_by_source ON events (source) WHERE source IS NOT NULL;

-- What was told last of a connection.
CREATE TABLE connection_standings (
  tenant      TEXT NOT NULL,
  connection  TEXT NOT NULL,
  state       TEXT NOT NULL,
  error       TEXT NOT NULL,
  PRIMARY KEY (tenant, connection)
) STRICT, WITHOUT ROWID;

-- Agents that platforms were told to be online.
CREATE TABLE agent_presence (
  agent       TEXT PRIMARY KEY,
  tenant      TEXT NOT NULL,
  gone_since  INTEGER                     -- when it was missed first; NULL: it is connected
) STRICT, WITHOUT ROWID;

-- How agents, connections and streams are, as far as it was seen or told. What is lost of it is seen or told again.

CREATE TABLE agent_health (
  agent           TEXT PRIMARY KEY,
  tenant          TEXT NOT NULL,
  connected_since INTEGER,                -- NULL: it left
  seen_at         INTEGER NOT NULL,       -- the last moment at which it was known to be connected
  last_ack_at     INTEGER,
  lag             INTEGER,                -- microseconds from being read to being stored, of the batch stored last
  told_at         INTEGER,
  told            TEXT                    -- JSON
) STRICT, WITHOUT ROWID;

CREATE TABLE connection_health (
  tenant          TEXT NOT NULL,
  connection      TEXT NOT NULL,
  state           TEXT NOT NULL,
  paused          INTEGER,
  error_code      TEXT NOT NULL,          -- empty: none
  error_hint      TEXT NOT NULL,
  error_since     INTEGER,
  refused_since   INTEGER,                -- since when the source refuses the credentials
  next_run_at     INTEGER,
  known_since     INTEGER NOT NULL,
  last_ack_at     INTEGER,
  lag             INTEGER,
  told_at         INTEGER NOT NULL,
  waiting         TEXT,                   -- JSON; NULL: the agent does not say
  PRIMARY KEY (tenant, connection)
) STRICT, WITHOUT ROWID;

CREATE TABLE stream_health (
  tenant          TEXT NOT NULL,
  connection      TEXT NOT NULL,
  stream          TEXT NOT NULL,
  known_since     INTEGER NOT NULL,
  last_run        TEXT,                   -- runs sort by their beginning
  dead_letters    INTEGER,                -- of that run
  last_success_at INTEGER,
  PRIMARY KEY (tenant, connection, stream)
) STRICT, WITHOUT ROWID;

-- Thresholds that a tenant has changed; the others are the relay's defaults.
CREATE TABLE alert_rules (
  tenant          TEXT NOT NULL,
  rule            TEXT NOT NULL,
  threshold       INTEGER NOT NULL,
  enabled         INTEGER NOT NULL,
  changed_at      INTEGER NOT NULL,
  PRIMARY KEY (tenant, rule)
) STRICT, WITHOUT ROWID;

CREATE TABLE alerts (
  id              TEXT PRIMARY KEY,       -- sorts by when it was raised
  tenant          TEXT NOT NULL,
  rule            TEXT NOT NULL,
  agent           TEXT NOT NULL,          -- empty: about the relay
  connection      TEXT NOT NULL,          -- empty: about the agent
  threshold       INTEGER NOT NULL,
  value           INTEGER NOT NULL,
  message         TEXT NOT NULL,
  hint            TEXT NOT NULL,
  raised_at       INTEGER NOT NULL,
  cleared_at      INTEGER
) STRICT, WITHOUT ROWID;

CREATE INDEX alerts_listed ON alerts (tenant, id);
-- One alert for one thing at a time, whoever evaluates.
CREATE UNIQUE INDEX alerts_standing ON alerts (tenant, rule, agent, connection) WHERE cleared_at IS NULL;

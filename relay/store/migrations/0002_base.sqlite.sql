-- The relay's store of record. Times are microseconds since 1970 in UTC.

CREATE TABLE tenants (
  id          TEXT PRIMARY KEY,
  created_at  INTEGER NOT NULL
) STRICT;

CREATE TABLE tokens (
  id          TEXT PRIMARY KEY,
  tenant      TEXT NOT NULL REFERENCES tenants(id),
  name        TEXT NOT NULL,
  secret_hash BLOB NOT NULL,
  created_at  INTEGER NOT NULL,
  scopes      TEXT NOT NULL               -- space between them
) STRICT;

CREATE TABLE codes (
  id          TEXT PRIMARY KEY,           -- the code's public part
  verifier    TEXT NOT NULL,              -- kept instead of the code
  tenant      TEXT NOT NULL REFERENCES tenants(id),
  agent_name  TEXT,
  used_by     BLOB,                       -- the public key that spent it
  created_at  INTEGER NOT NULL,
  expires_at  INTEGER NOT NULL
) STRICT;

CREATE TABLE agents (
  id            TEXT PRIMARY KEY,
  tenant        TEXT NOT NULL REFERENCES tenants(id),
  name          TEXT NOT NULL,
  public_key    BLOB NOT NULL UNIQUE,
  epoch         INTEGER NOT NULL,
  pending_epoch INTEGER,
  lineage       INTEGER NOT NULL,
  software      TEXT NOT NULL,
  enrolled_at   INTEGER NOT NULL,
  last_seen_at  INTEGER,
  UNIQUE (tenant, name)
) STRICT;

CREATE TABLE connections (
  tenant      TEXT NOT NULL REFERENCES tenants(id),
  id          TEXT NOT NULL,
  agent       TEXT NOT NULL REFERENCES agents(id),
  name        TEXT NOT NULL,
  status      TEXT NOT NULL,              -- JSON, as the agent described it last
  updated_at  INTEGER NOT NULL,
  PRIMARY KEY (tenant, id),
  UNIQUE (agent, name)
) STRICT;

CREATE TABLE streams (
  id          INTEGER PRIMARY KEY,
  agent       TEXT NOT NULL REFERENCES agents(id),
  lineage     INTEGER NOT NULL,
  stream      TEXT NOT NULL,
  tenant      TEXT NOT NULL,
  connection  TEXT NOT NULL,              -- connections.id
  entity      TEXT NOT NULL,
  last_seq    INTEGER NOT NULL,
  records     INTEGER NOT NULL,
  updated_at  INTEGER NOT NULL,
  UNIQUE (agent, lineage, stream)
) STRICT;

CREATE INDEX streams_by_connection ON streams (tenant, connection);

-- AUTOINCREMENT: a position must never come back, or a reader behind it would miss a batch.
CREATE TABLE batches (
  position    INTEGER PRIMARY KEY AUTOINCREMENT,
  tenant      TEXT NOT NULL,
  stream      INTEGER NOT NULL REFERENCES streams(id),
  entity      TEXT NOT NULL,
  run         TEXT NOT NULL,
  kind        TEXT NOT NULL,
  seq         INTEGER NOT NULL,
  prev        INTEGER NOT NULL,
  count       INTEGER NOT NULL,
  hash        BLOB NOT NULL,
  received_at INTEGER NOT NULL,
  payload     BLOB NOT NULL               -- last: what stands before it is read without it
) STRICT;

-- Batches that arrived as they were sent and cannot be read. They stay, for a relay that can.
CREATE TABLE damaged (
  position    INTEGER PRIMARY KEY REFERENCES batches(position),
  reason      TEXT NOT NULL
) STRICT;

CREATE UNIQUE INDEX batches_by_seq ON batches (stream, seq);
CREATE INDEX batches_by_tenant ON batches (tenant, position);

CREATE TABLE commands (
  id              TEXT PRIMARY KEY,       -- sorts by creation
  tenant          TEXT NOT NULL,
  agent           TEXT NOT NULL REFERENCES agents(id),
  connection      TEXT,                   -- NULL: it is about the agent
  kind            TEXT NOT NULL,
  args            TEXT NOT NULL,
  idempotency_key TEXT,                   -- NULL: the request named none
  request_hash    BLOB NOT NULL,
  state           TEXT NOT NULL,
  created_at      INTEGER NOT NULL,
  updated_at      INTEGER NOT NULL,
  deadline        INTEGER NOT NULL,
  lineage         INTEGER,                -- of the agent's installation it was sent to
  history         TEXT NOT NULL,          -- JSON: every state with its moment
  progress        TEXT,
  result          TEXT,
  UNIQUE (tenant, idempotency_key)
) STRICT;

-- Everything a list is filtered by, so that what is passed over is never read: it may hold 64 KiB each.
CREATE INDEX commands_listed ON commands (tenant, id, connection, kind, state, agent);
CREATE INDEX commands_open ON commands (agent) WHERE state IN ('queued', 'sent', 'running');
CREATE INDEX commands_counted ON commands (tenant, deadline) WHERE state IN ('queued', 'sent', 'running');
CREATE INDEX commands_waiting ON commands (deadline) WHERE state = 'queued';

-- Webhooks: where events go, and what became of each.

CREATE TABLE webhook_endpoints (
  id              TEXT PRIMARY KEY,
  tenant          TEXT NOT NULL,
  url             TEXT NOT NULL,
  description     TEXT NOT NULL,
  types           TEXT NOT NULL,          -- JSON list; empty: all
  connections     TEXT NOT NULL,          -- JSON list; empty: all
  ordered         INTEGER NOT NULL,
  enabled         INTEGER NOT NULL,
  begins_after    INTEGER NOT NULL,       -- events up to this one are not for it
  version         INTEGER NOT NULL,       -- grows with each change
  created_at      INTEGER NOT NULL,
  updated_at      INTEGER NOT NULL,
  failing_since   INTEGER,                -- NULL: what was answered last was answered well
  last_success_at INTEGER,
  disabled_at     INTEGER,
  disabled_reason TEXT,
  deleted_at      INTEGER                 -- its deliveries are still being removed
) STRICT, WITHOUT ROWID;

CREATE INDEX webhook_endpoints_by_tenant ON webhook_endpoints (tenant, id);

CREATE TABLE webhook_secrets (
  endpoint    TEXT NOT NULL,
  number      INTEGER NOT NULL,           -- grows; the highest is the newest
  tenant      TEXT NOT NULL,
  sealed      BLOB NOT NULL,
  created_at  INTEGER NOT NULL,
  expires_at  INTEGER,
  PRIMARY KEY (endpoint, number)
) STRICT, WITHOUT ROWID;

CREATE TABLE webhook_deliveries (
  position    INTEGER PRIMARY KEY,
  tenant      TEXT NOT NULL,
  id          TEXT NOT NULL,
  endpoint    TEXT NOT NULL,
  event       INTEGER NOT NULL,           -- events.position
  lane        TEXT,                       -- within which the order is kept; NULL: it is not
  state       TEXT NOT NULL,              -- pending, waiting (for others of its lane), delivered, failed
  due_at      INTEGER NOT NULL,
  attempts    INTEGER NOT NULL,
  log         TEXT NOT NULL,              -- JSON: what came of each attempt
  created_at  INTEGER NOT NULL,
  finished_at INTEGER,
  replay_of   TEXT                        -- the delivery that this one repeats
) STRICT;

CREATE UNIQUE INDEX webhook_deliveries_by_id ON webhook_deliveries (endpoint, id);
CREATE INDEX webhook_deliveries_listed ON webhook_deliveries (endpoint, state, position);
CREATE INDEX webhook_deliveries_by_event ON webhook_deliveries (event, endpoint);
CREATE INDEX webhook_deliveries_due ON webhook_deliveries (endpoint, due_at, position) WHERE state = 'pending';
CREATE INDEX webhook_deliveries_lanes ON webhook_deliveries (endpoint, lane, position)
  WHERE state IN ('pending', 'waiting');

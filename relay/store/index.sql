-- The record index: made from the batches, dropped and rebuilt when in doubt.

CREATE TABLE progress (
  one         INTEGER PRIMARY KEY CHECK (one = 1),
  position    INTEGER NOT NULL            -- the last batch that is in here
) STRICT;

INSERT INTO progress VALUES (1, 0);

CREATE TABLE scopes (
  id          INTEGER PRIMARY KEY,
  tenant      TEXT NOT NULL,
  connection  TEXT NOT NULL,
  entity      TEXT NOT NULL,
  UNIQUE (tenant, entity, connection)
) STRICT;

-- Clustered in change order: a list is a walk along the table, and a load appends at the end of its scope.
CREATE TABLE records (
  scope        INTEGER NOT NULL,
  position     INTEGER NOT NULL,          -- the newest change: batch
  row          INTEGER NOT NULL,          -- and row in it
  key          TEXT NOT NULL,
  code         TEXT,
  status       TEXT,
  vendor_key   TEXT,
  updated_at   INTEGER NOT NULL,
  deleted_at   INTEGER,
  doc_position INTEGER,                   -- set on deleted records: where the last document is
  doc_row      INTEGER,
  PRIMARY KEY (scope, position, row)
) STRICT, WITHOUT ROWID;

CREATE UNIQUE INDEX records_by_key ON records (scope, key);
CREATE INDEX records_by_code ON records (scope, code) WHERE code IS NOT NULL;

CREATE TABLE runs (
  tenant      TEXT NOT NULL,
  run         TEXT NOT NULL,
  connection  TEXT NOT NULL,
  stream      TEXT NOT NULL,
  entity      TEXT NOT NULL,
  status      TEXT NOT NULL,
  started_at  TEXT NOT NULL,
  position    INTEGER NOT NULL,
  report      TEXT NOT NULL,
  PRIMARY KEY (tenant, run)
) STRICT, WITHOUT ROWID;

CREATE INDEX runs_by_connection ON runs (tenant, connection, stream, run);

CREATE TABLE dead_letters (
  position    INTEGER NOT NULL,
  row         INTEGER NOT NULL,
  tenant      TEXT NOT NULL,
  connection  TEXT NOT NULL,
  stream      TEXT NOT NULL,
  entity      TEXT NOT NULL,
  run         TEXT NOT NULL,
  key         TEXT NOT NULL,
  field       TEXT NOT NULL,
  reason      TEXT NOT NULL,
  message     TEXT NOT NULL,
  received_at INTEGER NOT NULL,
  PRIMARY KEY (position, row)
) STRICT, WITHOUT ROWID;

CREATE INDEX dead_letters_by_tenant ON dead_letters (tenant, position, row);
CREATE INDEX dead_letters_by_key ON dead_letters (tenant, connection, entity, key, position);

-- Connection credits: each tenant's pool, what each connection holds of it, and how it came to that.

CREATE TABLE usage_pools (
  tenant      TEXT PRIMARY KEY,
  pool        INTEGER,                     -- NULL: no bound
  in_use      INTEGER NOT NULL,
  changes     INTEGER NOT NULL             -- lines of the history
) STRICT, WITHOUT ROWID;

CREATE TABLE usage_connections (
  tenant      TEXT NOT NULL,
  connection  TEXT NOT NULL,
  agent       TEXT NOT NULL,
  system      TEXT NOT NULL,
  tier        INTEGER NOT NULL,
  on_premises INTEGER NOT NULL,
  credits     INTEGER NOT NULL,            -- what it costs; it holds them while it is established
  standing    TEXT NOT NULL,
  since       INTEGER NOT NULL,
  PRIMARY KEY (tenant, connection)
) STRICT, WITHOUT ROWID;

CREATE INDEX usage_connections_by_agent ON usage_connections (agent, connection);

CREATE TABLE usage_history (
  tenant      TEXT NOT NULL,
  n           INTEGER NOT NULL,
  at          INTEGER NOT NULL,
  action      TEXT NOT NULL,
  connection  TEXT NOT NULL,               -- empty: it is about the pool
  credits     INTEGER NOT NULL,
  in_use      INTEGER NOT NULL,            -- behind it
  pool        INTEGER,
  why         TEXT NOT NULL,
  by_kind     TEXT NOT NULL,
  by_name     TEXT NOT NULL,
  PRIMARY KEY (tenant, n)
) STRICT, WITHOUT ROWID;

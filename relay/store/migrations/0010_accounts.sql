-- Tenants that are disabled, tokens that end, are rotated and revoked, and the operator's own keys.

ALTER TABLE tenants ADD COLUMN disabled_at INTEGER;

ALTER TABLE tokens ADD COLUMN expires_at INTEGER;
ALTER TABLE tokens ADD COLUMN last_used_at INTEGER;        -- to the hour
ALTER TABLE tokens ADD COLUMN revoked_at INTEGER;
ALTER TABLE tokens ADD COLUMN previous_hash BLOB;          -- of the secret before the last rotation
ALTER TABLE tokens ADD COLUMN previous_until INTEGER;      -- which is taken until then

-- What could let agents in still can.
UPDATE tokens SET scopes = scopes || ' enrol' WHERE ' ' || scopes || ' ' LIKE '% command %';

CREATE INDEX tokens_by_tenant ON tokens (tenant, id);

CREATE TABLE admin_keys (
  id             TEXT PRIMARY KEY,
  tenant         TEXT NOT NULL,            -- empty: of none; as tokens have it
  name           TEXT NOT NULL,
  secret_hash    BLOB NOT NULL,
  created_at     INTEGER NOT NULL,
  scopes         TEXT NOT NULL,
  expires_at     INTEGER,
  last_used_at   INTEGER,
  revoked_at     INTEGER,
  previous_hash  BLOB,
  previous_until INTEGER
) STRICT;

-- Grows with whatever may end a session or hold something of it back, so that links look again.
CREATE TABLE access_revision (
  id          INTEGER PRIMARY KEY,
  value       INTEGER NOT NULL
) STRICT;

INSERT INTO access_revision VALUES (1, 0);

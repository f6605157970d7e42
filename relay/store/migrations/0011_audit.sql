-- The relay's own audit log: a chain of lines for each tenant, and the operator's, whose tenant is empty.

CREATE TABLE audit_heads (
  tenant      TEXT PRIMARY KEY,
  n           INTEGER NOT NULL,            -- of the newest line
  hash        TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE audit (
  tenant      TEXT NOT NULL,
  n           INTEGER NOT NULL,
  at          INTEGER NOT NULL,
  action      TEXT NOT NULL,
  line        TEXT NOT NULL,               -- JSON, as it was hashed
  hash        TEXT NOT NULL,               -- over that of the line before and this line
  PRIMARY KEY (tenant, n)
) STRICT, WITHOUT ROWID;

CREATE INDEX audit_by_moment ON audit (at, tenant, n);

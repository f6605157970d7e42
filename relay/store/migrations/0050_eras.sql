-- What makes a reader's cursor good for this store and no other: see relay/eras.py.

CREATE TABLE eras (
  number      INTEGER PRIMARY KEY AUTOINCREMENT,
  id          BLOB NOT NULL UNIQUE,       -- random; a cursor names the one in which it was given
  mark        TEXT NOT NULL,              -- of the opening of the store that it stands for
  began_after INTEGER NOT NULL            -- the last position there was
) STRICT;

-- What cursors are sealed with.
CREATE TABLE sealing (
  one         INTEGER PRIMARY KEY CHECK (one = 1),
  key         BLOB NOT NULL
) STRICT;

-- Answered commands by age, for those that go.
CREATE INDEX commands_ended ON commands (tenant, updated_at) WHERE state NOT IN ('queued', 'sent', 'running', 'in_doubt');

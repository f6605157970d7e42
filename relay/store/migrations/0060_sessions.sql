-- Which relay process has which agent. Made anew when agents connect: nothing of it needs to be kept.

CREATE TABLE relays (
  id            TEXT PRIMARY KEY,         -- of one life of a process
  name          TEXT NOT NULL,
  leased_until  INTEGER NOT NULL          -- behind this it counts as gone
) STRICT, WITHOUT ROWID;

CREATE TABLE sessions (
  agent         TEXT PRIMARY KEY REFERENCES agents(id),
  tenant        TEXT NOT NULL,
  session       TEXT NOT NULL,
  relay         TEXT NOT NULL,            -- relays.id
  since         INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX sessions_by_relay ON sessions (relay);

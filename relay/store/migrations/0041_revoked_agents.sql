-- Agents whose identity is refused. One that enrols anew has another lineage, and its row says nothing any more.

CREATE TABLE revoked_agents (
  agent       TEXT PRIMARY KEY REFERENCES agents(id),
  tenant      TEXT NOT NULL,
  lineage     INTEGER NOT NULL,
  at          INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

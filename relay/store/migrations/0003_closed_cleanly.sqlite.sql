-- Version 3 of the relay's store: whether the file was closed, so that a lost write-ahead log is noticed.

CREATE TABLE state (
  name        TEXT PRIMARY KEY,
  value       INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

INSERT INTO state VALUES ('closed_cleanly', 1);

-- Positions are counted in a table, as on PostgreSQL, and a stream knows the hash of its last batch.

CREATE TABLE numbering (
  name        TEXT PRIMARY KEY,           -- the table whose positions they are
  last        INTEGER NOT NULL            -- the last one that was given out; none ever comes back
) STRICT, WITHOUT ROWID;

INSERT INTO numbering VALUES ('batches', 0);
UPDATE numbering SET last = (SELECT seq FROM sqlite_sequence WHERE name = 'batches')
WHERE EXISTS (SELECT 1 FROM sqlite_sequence WHERE name = 'batches');

ALTER TABLE streams ADD COLUMN last_hash BLOB;
UPDATE streams SET last_hash = (SELECT hash FROM batches WHERE stream = streams.id AND seq = streams.last_seq);

-- Version 1 of the outbox file. Times are microseconds since 1970 in UTC; unsigned 64-bit hashes are stored
-- as SQLite's signed integers. `check_hash` is the xxh3 of a row's other columns: SQLite notices a broken page
-- structure, but not a flipped bit inside a value.

CREATE TABLE state (
    name  TEXT PRIMARY KEY,
    value INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

INSERT INTO state (name, value) VALUES ('closed_cleanly', 1);

CREATE TABLE stream (
    id              INTEGER PRIMARY KEY,
    name            TEXT    NOT NULL UNIQUE,
    checkpoint      TEXT,
    last_seq        INTEGER NOT NULL,  -- `prev` of the next batch; outlives pruning
    top_seq         INTEGER NOT NULL,  -- the highest seq that ever belonged to the stream
    acked_seq       INTEGER NOT NULL,
    expired_segment INTEGER NOT NULL,  -- content hashes of segments up to this id count as unknown
    damaged         INTEGER NOT NULL,  -- batches and segments that failed their check
    check_hash      INTEGER NOT NULL
) STRICT;

-- AUTOINCREMENT: a number that came back after a prune would be taken for a repeat by the relay.
CREATE TABLE batch (
    seq         INTEGER PRIMARY KEY AUTOINCREMENT,
    prev        INTEGER NOT NULL,
    stream      INTEGER NOT NULL,
    entity      TEXT    NOT NULL,
    run         TEXT    NOT NULL,
    kind        TEXT    NOT NULL,
    count       INTEGER NOT NULL,
    bytes       INTEGER NOT NULL,
    hash        TEXT    NOT NULL,      -- sha256 of the payload
    enqueued_at INTEGER NOT NULL,
    check_hash  INTEGER NOT NULL,
    settled_at  INTEGER,               -- when it was acked or found damaged; NULL: pending
    damaged     INTEGER NOT NULL DEFAULT 0
) STRICT;

CREATE INDEX batch_pending ON batch (seq, stream, bytes, enqueued_at) WHERE settled_at IS NULL;
CREATE INDEX batch_of_stream ON batch (stream, seq);
CREATE INDEX batch_settled ON batch (settled_at, seq, bytes) WHERE settled_at IS NOT NULL;

-- Apart from `batch`, so that its pages are touched only to write, send and drop a payload.
CREATE TABLE payload (
    seq   INTEGER PRIMARY KEY,
    bytes BLOB NOT NULL
) STRICT;

-- AUTOINCREMENT: newest wins by id, and `expired_segment` must never cover a later segment.
CREATE TABLE segment (
    id             INTEGER PRIMARY KEY AUTOINCREMENT,
    stream         INTEGER NOT NULL,
    generation     INTEGER NOT NULL,   -- segments that one compaction wrote share it; they cover disjoint keys
    removed        INTEGER NOT NULL,
    rows           INTEGER NOT NULL,
    check_hash     INTEGER NOT NULL,
    key_hashes     BLOB NOT NULL,      -- little-endian u64, ascending
    content_hashes BLOB NOT NULL       -- little-endian u64, aligned with the keys
) STRICT;

CREATE INDEX segment_of_stream ON segment (stream, id, generation, removed, rows);

CREATE TABLE segment_keys (
    id         INTEGER PRIMARY KEY,
    check_hash INTEGER NOT NULL,
    keys       BLOB NOT NULL           -- one Arrow string column, aligned with the hashes
) STRICT;

CREATE TABLE letter (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    stream      INTEGER NOT NULL,
    entity      TEXT    NOT NULL,
    run         TEXT    NOT NULL,
    key         TEXT    NOT NULL,
    field       TEXT    NOT NULL,
    reason      TEXT    NOT NULL,
    message     TEXT    NOT NULL,
    raw_hash    INTEGER NOT NULL,
    created_at  INTEGER NOT NULL,
    requeued_at INTEGER,
    raw         BLOB
) STRICT;

CREATE INDEX letter_of_key ON letter (stream, key);
CREATE INDEX letter_with_raw ON letter (stream) WHERE raw IS NOT NULL;

CREATE TABLE run (
    run         TEXT PRIMARY KEY,
    stream      TEXT NOT NULL,
    connection  TEXT NOT NULL,
    entity      TEXT NOT NULL,
    trigger     TEXT NOT NULL,
    mode        TEXT NOT NULL,
    status      TEXT NOT NULL,
    started_at  INTEGER NOT NULL,
    finished_at INTEGER,
    counts      TEXT NOT NULL,          -- JSON
    error       TEXT NOT NULL           -- JSON
) STRICT;

CREATE INDEX run_of_stream ON run (stream, started_at, run);
CREATE INDEX run_started ON run (started_at, run);
CREATE INDEX run_unfinished ON run (started_at) WHERE finished_at IS NULL;

CREATE TABLE command (
    id          TEXT PRIMARY KEY,
    name        TEXT NOT NULL,
    body_hash   TEXT NOT NULL,
    body        BLOB NOT NULL,
    state       TEXT NOT NULL,
    received_at INTEGER NOT NULL,
    deadline    INTEGER,
    started_at  INTEGER,
    finished_at INTEGER,
    acked_at    INTEGER,
    result      TEXT
) STRICT;

CREATE INDEX command_open ON command (received_at) WHERE acked_at IS NULL;
CREATE INDEX command_acked ON command (acked_at) WHERE acked_at IS NOT NULL;

-- Version 2 of the index: whether it shows everything, and which batches hold the documents of deleted records.

ALTER TABLE progress ADD COLUMN complete_at INTEGER NOT NULL DEFAULT 0;  -- before this position it shows too little

CREATE INDEX records_by_document ON records (scope, doc_position) WHERE doc_position IS NOT NULL;

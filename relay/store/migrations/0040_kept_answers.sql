-- Idempotency keys of writes that are no commands, and what was answered. Kept for a day.

CREATE TABLE kept_answers (
  tenant      TEXT NOT NULL,
  key         BLOB NOT NULL,              -- hash
  request     BLOB NOT NULL,              -- hash of what a repeat must have in common
  at          INTEGER NOT NULL,
  answer      BLOB,                       -- sealed with the token that asked; NULL: not answered
  PRIMARY KEY (tenant, key)
) STRICT, WITHOUT ROWID;

CREATE INDEX kept_answers_by_age ON kept_answers (tenant, at);

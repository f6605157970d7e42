-- Tenants that are to be removed: from when on, and whether it has begun and cannot be taken back.

ALTER TABLE tenants ADD COLUMN remove_after INTEGER;
ALTER TABLE tenants ADD COLUMN removing_since INTEGER;

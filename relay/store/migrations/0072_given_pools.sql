-- Whether a tenant's pool was given to it, or is what the relay's settings say for everybody.

ALTER TABLE usage_pools ADD COLUMN given INTEGER NOT NULL DEFAULT 0;
UPDATE usage_pools SET given = 1 WHERE EXISTS
  (SELECT 1 FROM usage_history h WHERE h.tenant = usage_pools.tenant AND h.action = 'pool_changed');

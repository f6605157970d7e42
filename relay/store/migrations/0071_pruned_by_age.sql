-- Events and deliveries by age, for those that go.

CREATE INDEX events_by_age ON events (told_at, position);
CREATE INDEX webhook_deliveries_by_age ON webhook_deliveries (created_at, position)
  WHERE state IN ('delivered', 'failed');

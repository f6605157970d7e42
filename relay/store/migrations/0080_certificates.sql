-- When the certificates end that the hops to a connection's source have shown. JSON; NULL: its agent does not say.

ALTER TABLE connection_health ADD COLUMN certificates TEXT;

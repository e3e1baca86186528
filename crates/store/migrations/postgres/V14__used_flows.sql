-- Sign-ins through a provider that have opened a session, until nobody could end them any more: each does so once, whichever
-- relay it comes back to.
CREATE TABLE used_flows (
    flow_hash BYTEA  NOT NULL PRIMARY KEY,
    ends_at   BIGINT NOT NULL
);

-- Schema 11: what is remembered of the DHT: our ids, nodes that answered, and the nodes nearest to each torrent.

-- One row a family. What a running engine reports is to be ignored when `at` is old.
CREATE TABLE dht (
    family           INTEGER PRIMARY KEY CHECK (family IN (4, 6)),
    node_id          BLOB    NOT NULL CHECK (length(node_id) = 20),
    external_address TEXT,                                       -- ours, as other nodes see it; NULL: not known yet
    external_votes   INTEGER NOT NULL DEFAULT 0 CHECK (external_votes >= 0), -- nodes of different networks that said so
    problem          TEXT,                                       -- why there are too few nodes: one sentence
    port             INTEGER CHECK (port BETWEEN 1 AND 65535),   -- of the UDP socket; NULL: none is open
    good_nodes       INTEGER NOT NULL DEFAULT 0 CHECK (good_nodes >= 0),
    known_nodes      INTEGER NOT NULL DEFAULT 0 CHECK (known_nodes >= 0),
    lookups          INTEGER NOT NULL DEFAULT 0 CHECK (lookups >= 0),          -- under way
    waiting          INTEGER NOT NULL DEFAULT 0 CHECK (waiting >= 0),          -- searches that wait
    searched         INTEGER NOT NULL DEFAULT 0 CHECK (searched >= 0),         -- searches that ended in this run
    announced        INTEGER NOT NULL DEFAULT 0 CHECK (announced >= 0),        -- announces that nodes accepted in this run
    stored_torrents  INTEGER NOT NULL DEFAULT 0 CHECK (stored_torrents >= 0),  -- of others, which they announced to us
    stored_peers     INTEGER NOT NULL DEFAULT 0 CHECK (stored_peers >= 0),
    sent             INTEGER NOT NULL DEFAULT 0 CHECK (sent >= 0),             -- datagrams of this run
    received         INTEGER NOT NULL DEFAULT 0 CHECK (received >= 0),
    dropped          INTEGER NOT NULL DEFAULT 0 CHECK (dropped >= 0),          -- beyond a limit, or unreadable
    at               INTEGER NOT NULL
) STRICT;

-- Nodes that answered, at most 500 of a family: the next run asks them first.
CREATE TABLE dht_node (
    family      INTEGER NOT NULL CHECK (family IN (4, 6)),
    address     TEXT    NOT NULL,                                -- a.b.c.d:port or [ipv6]:port (RFC 5952)
    node_id     BLOB    NOT NULL CHECK (length(node_id) = 20),
    last_answer INTEGER,
    rtt_ms      INTEGER CHECK (rtt_ms >= 0),
    verified    INTEGER NOT NULL CHECK (verified IN (0, 1)),     -- 1: it answered in the run that stored it last
    PRIMARY KEY (family, address)
) STRICT, WITHOUT ROWID;

-- The nodes nearest to a torrent that answered last, so that an announce needs no lookup: 26 bytes each, or 38 for IPv6.
CREATE TABLE dht_near (
    torrent_id INTEGER NOT NULL REFERENCES torrent (id) ON DELETE CASCADE,
    family     INTEGER NOT NULL CHECK (family IN (4, 6)),
    nodes      BLOB    NOT NULL CHECK (length(nodes) BETWEEN 1 AND 608),
    PRIMARY KEY (torrent_id, family)
) STRICT, WITHOUT ROWID;

-- When a node accepted the last announce, and when the next one is due; NULL and 0: never, and as soon as possible.
ALTER TABLE torrent ADD COLUMN dht_announced_at INTEGER;
ALTER TABLE torrent ADD COLUMN dht_due_at INTEGER NOT NULL DEFAULT 0;
-- 1: a tracker works, so that others are more urgent.
ALTER TABLE torrent ADD COLUMN dht_has_tracker INTEGER NOT NULL DEFAULT 0 CHECK (dht_has_tracker IN (0, 1));
CREATE INDEX torrent_dht_due ON torrent (dht_has_tracker, dht_due_at)
    WHERE private = 0 AND paused = 0 AND state IN ('seeding', 'complete');

-- The public interface.
CREATE VIEW v1_dht AS
    SELECT family, lower(hex(node_id)) AS node_id, external_address, problem, port, good_nodes, known_nodes, lookups, waiting, searched, announced,
           stored_torrents, stored_peers, sent, received, dropped, at
    FROM dht;

CREATE VIEW v1_dht_node AS
    SELECT family, lower(hex(node_id)) AS node_id, address, last_answer, rtt_ms, verified FROM dht_node;

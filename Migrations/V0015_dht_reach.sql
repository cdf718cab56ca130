-- Schema 15: whether the node of the DHT answers others, and what operators ask about the peers and announces of a torrent.

ALTER TABLE dht ADD COLUMN read_only TEXT CHECK (read_only IN ('set', 'unreachable')); -- why others aren't answered (BEP 43); NULL: they are

-- The public interface.
DROP VIEW v1_dht;
CREATE VIEW v1_dht AS
    SELECT family, lower(hex(node_id)) AS node_id, external_address, problem, port, good_nodes, known_nodes, lookups, waiting, searched, announced,
           stored_torrents, stored_peers, sent, received, dropped, at, external_votes, read_only
    FROM dht;

CREATE VIEW v1_peer_source AS
    SELECT torrent_id, source, count(*) AS peers, count(last_connected) AS reached, sum(downloaded_bytes) AS downloaded_bytes,
           sum(uploaded_bytes) AS uploaded_bytes, sum(hash_failures) AS hash_failures, count(banned_until) AS banned,
           max(last_seen) AS last_seen
    FROM peer GROUP BY torrent_id, source;

CREATE VIEW v1_dht_torrent AS
    SELECT t.id AS torrent_id, t.dht_announced_at AS announced_at, nullif(t.dht_due_at, 0) AS due_at,
           coalesce((SELECT length(n.nodes) / 26 FROM dht_near AS n WHERE n.torrent_id = t.id AND n.family = 4), 0) AS near_nodes,
           coalesce((SELECT length(n.nodes) / 38 FROM dht_near AS n WHERE n.torrent_id = t.id AND n.family = 6), 0) AS near_nodes6
    FROM torrent AS t WHERE t.private = 0;

-- Schema 2: connections while they last, every file's path, what was transferred day by day, and the public views made whole.

-- Connections of awake torrents, said anew every few seconds; they mean something as long as the torrent's row in live is fresh.
CREATE TABLE live_peer (
    torrent_id       INTEGER NOT NULL REFERENCES torrent (id) ON DELETE CASCADE,
    address          TEXT    NOT NULL,                           -- where it is connected, a.b.c.d:port or [ipv6]:port
    incoming         INTEGER NOT NULL CHECK (incoming IN (0, 1)),
    client           TEXT,
    pieces           INTEGER NOT NULL CHECK (pieces >= 0),       -- that it has
    flags            INTEGER NOT NULL CHECK (flags >= 0),        -- 1: we choke it, 2: it interests us, 4: it chokes us, 8: we interest it, 16: it is snubbed
    download_rate    INTEGER NOT NULL CHECK (download_rate >= 0),
    upload_rate      INTEGER NOT NULL CHECK (upload_rate >= 0),
    downloaded_bytes INTEGER NOT NULL CHECK (downloaded_bytes >= 0), -- in this connection
    uploaded_bytes   INTEGER NOT NULL CHECK (uploaded_bytes >= 0),   -- in this connection
    requests         INTEGER NOT NULL CHECK (requests >= 0),     -- blocks that we asked for and wait for
    PRIMARY KEY (torrent_id, address, incoming)
) STRICT, WITHOUT ROWID;

-- Every file as it stands in the metainfo, so that SQL can name it. Filled when a torrent is added, and by this step for those that are here.
CREATE TABLE path (
    torrent_id INTEGER NOT NULL REFERENCES torrent (id) ON DELETE CASCADE,
    idx        INTEGER NOT NULL CHECK (idx >= 0),                -- order in the metainfo, from 0
    path       TEXT    NOT NULL,                                 -- below the output folder, made safe
    length     INTEGER NOT NULL CHECK (length >= 0),
    pad        INTEGER NOT NULL CHECK (pad IN (0, 1)),           -- BEP 47: neither requested nor written
    PRIMARY KEY (torrent_id, idx)
) STRICT, WITHOUT ROWID;

-- What was transferred on a day, all torrents together, removed ones too.
CREATE TABLE traffic (
    day              INTEGER PRIMARY KEY,                        -- days since 1970-01-01, UTC
    downloaded_bytes INTEGER NOT NULL CHECK (downloaded_bytes >= 0),
    uploaded_bytes   INTEGER NOT NULL CHECK (uploaded_bytes >= 0),
    wasted_bytes     INTEGER NOT NULL CHECK (wasted_bytes >= 0)
) STRICT;

-- The public interface. A column that is here stays, with its meaning; new ones may be added.
DROP VIEW v1_torrent;
CREATE VIEW v1_torrent AS
    SELECT t.id, lower(hex(t.info_hash)) AS info_hash, t.name, t.output, t.state, t.error, t.paused, t.private, t.sequential,
           t.total_bytes, t.wanted_bytes, t.completed_bytes, t.piece_length, t.piece_count, t.pieces_have,
           t.downloaded_bytes, t.uploaded_bytes, t.wasted_bytes, t.download_limit, t.upload_limit, t.max_peers,
           t.seed_goal, t.seed_ratio, t.seed_seconds, t.added_at, t.completed_at, t.last_verified_at, t.volume_id,
           l.download_rate, l.upload_rate, l.peers_connected, l.at AS live_at
    FROM torrent AS t LEFT JOIN live AS l ON l.torrent_id = t.id;

DROP VIEW v1_file;
CREATE VIEW v1_file AS
    SELECT p.torrent_id, p.idx AS file_index, p.path, p.length, p.pad, CASE WHEN p.pad THEN 0 ELSE coalesce(f.wanted, 1) END AS wanted,
           coalesce(f.completed_bytes, 0) AS completed_bytes, f.size, f.mtime_ns, f.fingerprint_at
    FROM path AS p LEFT JOIN file AS f ON f.torrent_id = p.torrent_id AND f.idx = p.idx;

-- One row a piece. A page of the bitfield has 1024 pieces, the first in the highest bit of the first byte.
CREATE VIEW v1_piece AS
    WITH RECURSIVE
        page (n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM page WHERE (n + 1) * 1024 < (SELECT max(piece_count) FROM torrent)),
        bit (n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM bit WHERE n < 1023)
    SELECT t.id AS torrent_id, page.n * 1024 + bit.n AS piece,
           CASE WHEN b.have IS NULL THEN 0
                ELSE instr('0123456789ABCDEF', substr(hex(substr(b.have, bit.n / 8 + 1, 1)), bit.n / 4 % 2 + 1, 1)) - 1 >> 3 - bit.n % 4 & 1
           END AS have,
           CASE WHEN b.opened IS NULL THEN 0
                ELSE instr('0123456789ABCDEF', substr(hex(substr(b.opened, bit.n / 8 + 1, 1)), bit.n / 4 % 2 + 1, 1)) - 1 >> 3 - bit.n % 4 & 1
           END AS in_doubt,
           b.verified_at
    FROM torrent AS t
    JOIN page ON page.n * 1024 < t.piece_count
    JOIN bit ON page.n * 1024 + bit.n < t.piece_count
    LEFT JOIN bitfield AS b ON b.torrent_id = t.id AND b.page = page.n;

CREATE VIEW v1_connection AS
    SELECT c.torrent_id, c.address, c.incoming, c.client, c.pieces, c.flags & 1 AS we_choke, c.flags >> 1 & 1 AS we_are_interested,
           c.flags >> 2 & 1 AS it_chokes, c.flags >> 3 & 1 AS it_is_interested, c.flags >> 4 & 1 AS snubbed,
           c.download_rate, c.upload_rate, c.downloaded_bytes, c.uploaded_bytes, c.requests, l.at AS live_at
    FROM live_peer AS c JOIN live AS l ON l.torrent_id = c.torrent_id;

DROP VIEW v1_tracker;
CREATE VIEW v1_tracker AS
    SELECT torrent_id, url, tier, position, next_announce_at, min_announce_at, interval, min_interval, failures, last_announce_at,
           last_success_at, last_error, warning, seeders, leechers, downloads, last_scrape_at
    FROM tracker;

CREATE VIEW v1_traffic AS
    SELECT date(day * 86400, 'unixepoch') AS day, downloaded_bytes, uploaded_bytes, wasted_bytes FROM traffic;

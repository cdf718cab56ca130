-- Schema 21, as the migrations make it, for new databases. Written by SchemaTests.

CREATE TABLE schema_migration (
    number INTEGER PRIMARY KEY, name TEXT NOT NULL, checksum TEXT NOT NULL, applied_at INTEGER NOT NULL
) STRICT;

CREATE TABLE torrent (
    id               INTEGER PRIMARY KEY AUTOINCREMENT,          -- never used again, so that logs may speak of a removed one
    info_hash        BLOB    NOT NULL UNIQUE CHECK (length(info_hash) = 20),
    name             TEXT    NOT NULL,
    output           TEXT    NOT NULL,                           -- the absolute folder that the payload lies in
    total_bytes      INTEGER CHECK (total_bytes >= 0),
    piece_length     INTEGER CHECK (piece_length > 0),
    piece_count      INTEGER CHECK (piece_count >= 0),
    private          INTEGER NOT NULL CHECK (private IN (0, 1)), -- BEP 27
    -- What the user asked for.
    paused           INTEGER NOT NULL DEFAULT 0 CHECK (paused IN (0, 1)),
    sequential       INTEGER NOT NULL DEFAULT 0 CHECK (sequential IN (0, 1)),
    allocate_full    INTEGER NOT NULL DEFAULT 0 CHECK (allocate_full IN (0, 1)),
    download_limit   INTEGER CHECK (download_limit > 0),         -- NULL: none
    upload_limit     INTEGER CHECK (upload_limit > 0),           -- NULL: none
    max_peers        INTEGER CHECK (max_peers > 0),              -- NULL: the engine's own
    seed_goal        TEXT    NOT NULL DEFAULT 'default' CHECK (seed_goal IN ('default', 'none', 'forever', 'ratio', 'time')),
    seed_ratio       REAL    CHECK (seed_ratio >= 0),            -- with 'ratio': uploaded / total
    seed_seconds     INTEGER CHECK (seed_seconds >= 0),          -- with 'time': since completion
    -- What the engine found.
    state            TEXT    NOT NULL DEFAULT 'queued' CHECK (state IN
                         ('queued', 'downloading', 'seeding', 'checking', 'complete', 'paused', 'offline', 'error', 'metadata', 'no_space')),
    error            TEXT,                                       -- one sentence, with 'error' and 'offline'
    wanted_bytes     INTEGER CHECK (wanted_bytes >= 0),
    completed_bytes  INTEGER NOT NULL DEFAULT 0 CHECK (completed_bytes >= 0), -- of wanted files, in recorded pieces
    pieces_have      INTEGER NOT NULL DEFAULT 0 CHECK (pieces_have BETWEEN 0 AND piece_count), -- the population of bitfield.have
    downloaded_bytes INTEGER NOT NULL DEFAULT 0 CHECK (downloaded_bytes >= 0),
    uploaded_bytes   INTEGER NOT NULL DEFAULT 0 CHECK (uploaded_bytes >= 0),
    wasted_bytes     INTEGER NOT NULL DEFAULT 0 CHECK (wasted_bytes >= 0),    -- bad hashes and duplicates
    added_at         INTEGER NOT NULL,
    completed_at     INTEGER,
    last_verified_at INTEGER,                                    -- when bytes of it were last read back and hashed
    root_seen        INTEGER NOT NULL DEFAULT 0 CHECK (root_seen IN (0, 1)), -- 1: the root existed, so it is never made again
    volume_id        INTEGER REFERENCES volume (id) ON DELETE SET NULL, resolved TEXT, overwrite INTEGER NOT NULL DEFAULT 0 CHECK (overwrite IN (0, 1)), seeding_seconds INTEGER NOT NULL DEFAULT 0 CHECK (seeding_seconds >= 0), seed_mark INTEGER CHECK (seed_mark >= 0), root_hash INTEGER, queue_place INTEGER NOT NULL DEFAULT 0, dht_announced_at INTEGER, dht_due_at INTEGER NOT NULL DEFAULT 0, dht_has_tracker INTEGER NOT NULL DEFAULT 0 CHECK (dht_has_tracker IN (0, 1)), super_seed INTEGER CHECK (super_seed IN (0, 1)), read_only INTEGER NOT NULL DEFAULT 0 CHECK (read_only IN (0, 1)), error_code TEXT,
    CHECK ((total_bytes IS NULL) = (piece_length IS NULL) AND (total_bytes IS NULL) = (piece_count IS NULL)
       AND (total_bytes IS NULL) = (wanted_bytes IS NULL)),
    CHECK ((seed_goal = 'ratio') = (seed_ratio IS NOT NULL)),
    CHECK ((seed_goal = 'time') = (seed_seconds IS NOT NULL))
) STRICT;

CREATE INDEX torrent_by_state ON torrent (state);

CREATE INDEX torrent_incomplete ON torrent (id) WHERE paused = 0 AND completed_bytes < wanted_bytes;

CREATE INDEX torrent_by_volume ON torrent (volume_id) WHERE volume_id IS NOT NULL;

CREATE TABLE metainfo (
    torrent_id    INTEGER PRIMARY KEY REFERENCES torrent (id) ON DELETE CASCADE,
    pieces_offset INTEGER NOT NULL CHECK (pieces_offset >= 0),   -- of the first piece's hash in file
    info_offset   INTEGER NOT NULL CHECK (info_offset >= 0),     -- of the raw info dictionary in file
    info_length   INTEGER NOT NULL CHECK (info_length > 0),
    file          BLOB    NOT NULL
) STRICT;

CREATE TABLE file (
    torrent_id      INTEGER NOT NULL REFERENCES torrent (id) ON DELETE CASCADE,
    idx             INTEGER NOT NULL CHECK (idx >= -1),          -- order in the metainfo, from 0; -1: the part file
    wanted          INTEGER NOT NULL DEFAULT 1 CHECK (wanted IN (0, 1)),
    completed_bytes INTEGER NOT NULL DEFAULT 0 CHECK (completed_bytes >= 0),
    -- The file as it was after the last sync, all of them or none.
    size            INTEGER CHECK (size >= 0),
    mtime_ns        INTEGER,
    inode           INTEGER,
    device          INTEGER,
    fingerprint_at  INTEGER, made INTEGER NOT NULL DEFAULT 0 CHECK (made IN (0, 1)), shared INTEGER NOT NULL DEFAULT 0 CHECK (shared IN (0, 1)), born_ns INTEGER,
    PRIMARY KEY (torrent_id, idx),
    CHECK ((size IS NULL) = (mtime_ns IS NULL) AND (size IS NULL) = (inode IS NULL)
       AND (size IS NULL) = (device IS NULL) AND (size IS NULL) = (fingerprint_at IS NULL))
) STRICT, WITHOUT ROWID;

CREATE TABLE bitfield (
    torrent_id  INTEGER NOT NULL REFERENCES torrent (id) ON DELETE CASCADE,
    page        INTEGER NOT NULL CHECK (page >= 0),
    have        BLOB    NOT NULL CHECK (length(have) BETWEEN 1 AND 128),
    opened      BLOB    CHECK (length(opened) = length(have)),   -- may have been written since the last commit: in doubt after a crash
    verified_at INTEGER, checksum INTEGER,                                         -- the oldest verification of the pieces in have; NULL when there is none
    PRIMARY KEY (torrent_id, page)
) STRICT, WITHOUT ROWID;

CREATE TABLE partial_piece (
    torrent_id INTEGER NOT NULL REFERENCES torrent (id) ON DELETE CASCADE,
    piece      INTEGER NOT NULL CHECK (piece >= 0),
    blocks     BLOB    NOT NULL CHECK (length(blocks) BETWEEN 1 AND 512),
    PRIMARY KEY (torrent_id, piece)
) STRICT, WITHOUT ROWID;

CREATE TABLE peer (
    torrent_id       INTEGER NOT NULL REFERENCES torrent (id) ON DELETE CASCADE,
    address          TEXT    NOT NULL,                           -- a.b.c.d:port or [ipv6]:port (RFC 5952)
    source           TEXT    NOT NULL CHECK (source IN ('tracker', 'manual', 'incoming', 'pex', 'dht', 'lsd', 'history')),
    first_seen       INTEGER NOT NULL,
    last_seen        INTEGER NOT NULL,
    last_tried       INTEGER,
    last_connected   INTEGER,
    failures         INTEGER NOT NULL DEFAULT 0 CHECK (failures >= 0),       -- failed dials since the last that succeeded
    downloaded_bytes INTEGER NOT NULL DEFAULT 0 CHECK (downloaded_bytes >= 0),
    uploaded_bytes   INTEGER NOT NULL DEFAULT 0 CHECK (uploaded_bytes >= 0),
    hash_failures    INTEGER NOT NULL DEFAULT 0 CHECK (hash_failures >= 0),  -- bad pieces that it had a part in
    rate             INTEGER NOT NULL DEFAULT 0 CHECK (rate >= 0),           -- the best recent one
    client           TEXT,
    banned_until     INTEGER,
    ban_reason       TEXT, told_good INTEGER NOT NULL DEFAULT 0 CHECK (told_good >= 0), told_bad INTEGER NOT NULL DEFAULT 0 CHECK (told_bad >= 0),
    PRIMARY KEY (torrent_id, address),
    CHECK ((banned_until IS NULL) = (ban_reason IS NULL))
) STRICT, WITHOUT ROWID;

CREATE TABLE tracker (
    torrent_id       INTEGER NOT NULL REFERENCES torrent (id) ON DELETE CASCADE,
    url              TEXT    NOT NULL,
    tier             INTEGER NOT NULL CHECK (tier >= 0),
    position         INTEGER NOT NULL CHECK (position >= 0),     -- in the tier
    tracker_id       BLOB,                                       -- given back on the next announce
    next_announce_at INTEGER,                                    -- NULL: none is planned
    min_announce_at  INTEGER,                                    -- not before, even by hand
    interval         INTEGER CHECK (interval >= 0),
    min_interval     INTEGER CHECK (min_interval >= 0),
    failures         INTEGER NOT NULL DEFAULT 0 CHECK (failures >= 0), -- in a row
    last_announce_at INTEGER,
    last_success_at  INTEGER,
    last_error       TEXT,
    warning          TEXT,
    seeders          INTEGER CHECK (seeders >= 0),
    leechers         INTEGER CHECK (leechers >= 0),
    downloads        INTEGER CHECK (downloads >= 0),             -- completed downloads, as scraped
    last_scrape_at   INTEGER,
    started          INTEGER NOT NULL DEFAULT 0 CHECK (started IN (0, 1)), -- `started` was accepted in this life
    PRIMARY KEY (torrent_id, url)
) STRICT, WITHOUT ROWID;

CREATE INDEX tracker_due ON tracker (next_announce_at) WHERE next_announce_at IS NOT NULL;

CREATE TABLE live (
    torrent_id      INTEGER PRIMARY KEY REFERENCES torrent (id) ON DELETE CASCADE,
    download_rate   INTEGER NOT NULL CHECK (download_rate >= 0),
    upload_rate     INTEGER NOT NULL CHECK (upload_rate >= 0),
    peers_connected INTEGER NOT NULL CHECK (peers_connected >= 0),
    seeders         INTEGER NOT NULL CHECK (seeders >= 0),       -- connected ones
    leechers        INTEGER NOT NULL CHECK (leechers >= 0),      -- connected ones
    eta_seconds     INTEGER CHECK (eta_seconds >= 0),            -- NULL: nobody knows
    at              INTEGER NOT NULL
, spread_pieces INTEGER CHECK (spread_pieces >= 0)) STRICT;

CREATE TABLE run (
    id           INTEGER PRIMARY KEY AUTOINCREMENT,
    pid          INTEGER NOT NULL,
    started_at   INTEGER NOT NULL,
    heartbeat_at INTEGER NOT NULL,
    stopped_at   INTEGER,
    clean        INTEGER NOT NULL DEFAULT 0 CHECK (clean IN (0, 1)), -- 1: all that was written was synced and recorded
    version      TEXT    NOT NULL,
    boot_id      TEXT    NOT NULL                                -- of the machine: another one means that it was restarted
, named_only INTEGER NOT NULL DEFAULT 0 CHECK (named_only IN (0, 1)), max_downloads INTEGER CHECK (max_downloads > 0), active_downloads INTEGER NOT NULL DEFAULT 0 CHECK (active_downloads >= 0), queued_downloads INTEGER NOT NULL DEFAULT 0 CHECK (queued_downloads >= 0), max_seeds INTEGER CHECK (max_seeds > 0), active_seeds INTEGER NOT NULL DEFAULT 0 CHECK (active_seeds >= 0), queued_seeds INTEGER NOT NULL DEFAULT 0 CHECK (queued_seeds >= 0), max_checks INTEGER CHECK (max_checks > 0), active_checks INTEGER NOT NULL DEFAULT 0 CHECK (active_checks >= 0), queued_checks INTEGER NOT NULL DEFAULT 0 CHECK (queued_checks >= 0), download_limit INTEGER CHECK (download_limit >= 0), upload_limit INTEGER CHECK (upload_limit >= 0), alternative_until INTEGER) STRICT;

CREATE TABLE event (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    at         INTEGER NOT NULL,
    torrent_id INTEGER,
    info_hash  BLOB    CHECK (length(info_hash) = 20),
    kind       TEXT    NOT NULL,
    detail     TEXT    NOT NULL
) STRICT;

CREATE INDEX event_by_torrent ON event (torrent_id, id) WHERE torrent_id IS NOT NULL;

CREATE TRIGGER event_is_append_only BEFORE UPDATE ON event
BEGIN
    SELECT RAISE(ABORT, 'events are never changed');
END;

CREATE TABLE setting (
    key   TEXT NOT NULL PRIMARY KEY,
    value TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE volume (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    identity   TEXT    NOT NULL UNIQUE,                          -- the file system's UUID, or a description of the device
    mount_path TEXT    NOT NULL,                                 -- where it was last seen
    last_seen  INTEGER NOT NULL
, name TEXT, reserve_bytes INTEGER CHECK (reserve_bytes >= 0), sentinel TEXT, machine TEXT, state TEXT NOT NULL DEFAULT 'online', offline_since INTEGER, free_bytes INTEGER, total_bytes INTEGER) STRICT;

CREATE TABLE intent (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    at         INTEGER NOT NULL,
    torrent_id INTEGER,                                          -- NULL: the engine itself
    verb       TEXT    NOT NULL,
    argument   TEXT
) STRICT;

CREATE VIEW v1_event AS
    SELECT id, at, torrent_id, lower(hex(info_hash)) AS info_hash, kind, detail FROM event;

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

CREATE TABLE path (
    torrent_id INTEGER NOT NULL REFERENCES torrent (id) ON DELETE CASCADE,
    idx        INTEGER NOT NULL CHECK (idx >= 0),                -- order in the metainfo, from 0
    path       TEXT    NOT NULL,                                 -- below the output folder, made safe
    length     INTEGER NOT NULL CHECK (length >= 0),
    pad        INTEGER NOT NULL CHECK (pad IN (0, 1)),           -- BEP 47: neither requested nor written
    PRIMARY KEY (torrent_id, idx)
) STRICT, WITHOUT ROWID;

CREATE TABLE traffic (
    day              INTEGER PRIMARY KEY,                        -- days since 1970-01-01, UTC
    downloaded_bytes INTEGER NOT NULL CHECK (downloaded_bytes >= 0),
    uploaded_bytes   INTEGER NOT NULL CHECK (uploaded_bytes >= 0),
    wasted_bytes     INTEGER NOT NULL CHECK (wasted_bytes >= 0)
) STRICT;

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

CREATE VIEW v1_tracker AS
    SELECT torrent_id, url, tier, position, next_announce_at, min_announce_at, interval, min_interval, failures, last_announce_at,
           last_success_at, last_error, warning, seeders, leechers, downloads, last_scrape_at
    FROM tracker;

CREATE VIEW v1_traffic AS
    SELECT date(day * 86400, 'unixepoch') AS day, downloaded_bytes, uploaded_bytes, wasted_bytes FROM traffic;

CREATE INDEX file_by_inode ON file (inode) WHERE inode IS NOT NULL;

CREATE TABLE yielded (
    torrent_id INTEGER PRIMARY KEY REFERENCES torrent (id) ON DELETE CASCADE,
    turn       INTEGER NOT NULL CHECK (turn > 0)
) STRICT;

CREATE TABLE seed_clock (
    id      INTEGER PRIMARY KEY CHECK (id = 1),
    seconds INTEGER NOT NULL CHECK (seconds >= 0)
) STRICT;

CREATE INDEX torrent_begins_seeding ON torrent (id) WHERE state = 'seeding' AND paused = 0 AND seed_mark IS NULL;

CREATE INDEX torrent_ends_seeding ON torrent (id) WHERE seed_mark IS NOT NULL AND (state <> 'seeding' OR paused <> 0);

CREATE TABLE tracker_host (
    server      TEXT    NOT NULL PRIMARY KEY,                    -- scheme://host:port
    rests_until INTEGER NOT NULL,
    reason      TEXT    NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX torrent_by_root ON torrent (root_hash);

CREATE TABLE folder (
    path TEXT NOT NULL PRIMARY KEY
) STRICT, WITHOUT ROWID;

CREATE TABLE host_ban (
    host   TEXT    NOT NULL PRIMARY KEY,                         -- an IPv4 address, or the first address of a /64 of IPv6
    reason TEXT    NOT NULL,
    at     INTEGER NOT NULL,
    until  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE VIEW v1_host_ban AS
    SELECT host, reason, at, until FROM host_ban;

CREATE TABLE move (
    torrent_id INTEGER PRIMARY KEY REFERENCES torrent (id) ON DELETE CASCADE,
    source     TEXT    NOT NULL,                                 -- the absolute folder that the payload is moved from
    target     TEXT    NOT NULL,                                 -- the absolute folder that it is moved to
    step       TEXT    NOT NULL CHECK (step IN ('waiting', 'placing', 'removing')),
    was_paused INTEGER NOT NULL CHECK (was_paused IN (0, 1)),
    began_at   INTEGER NOT NULL,
    released   INTEGER                                           -- the run whose engine has closed the torrent's files
) STRICT;

CREATE TABLE move_file (
    torrent_id    INTEGER NOT NULL REFERENCES move (torrent_id) ON DELETE CASCADE,
    idx           INTEGER NOT NULL CHECK (idx >= -1),            -- as in file
    stays         INTEGER NOT NULL CHECK (stays IN (0, 1)),      -- 1: another torrent uses the file, so it isn't removed from the old folder
    size          INTEGER NOT NULL CHECK (size >= 0),
    mtime_ns      INTEGER NOT NULL,
    inode         INTEGER NOT NULL,
    device        INTEGER NOT NULL,
    -- The copy in the new folder, once it is synced; NULL for a file that needs none.
    copy_size     INTEGER CHECK (copy_size >= 0),
    copy_mtime_ns INTEGER,
    copy_inode    INTEGER,
    copy_device   INTEGER,
    PRIMARY KEY (torrent_id, idx)
) STRICT, WITHOUT ROWID;

CREATE INDEX torrent_by_queue_place ON torrent (queue_place, id) WHERE queue_place <> 0;

CREATE TABLE magnet (
    torrent_id    INTEGER PRIMARY KEY REFERENCES torrent (id) ON DELETE CASCADE,
    link          TEXT    NOT NULL,                              -- the magnet link as the program prints it
    patterns      TEXT,                                          -- which files the user chose, one pattern a line; NULL: those of the link, or all
    pause_after   INTEGER NOT NULL DEFAULT 0 CHECK (pause_after IN (0, 1)), -- 1: the torrent is paused when its metadata has arrived
    -- What a running engine found; it means something as long as the torrent's row in live is fresh.
    offered_bytes INTEGER CHECK (offered_bytes > 0),             -- the size of the metadata according to most of the connected peers
    offering      INTEGER NOT NULL DEFAULT 0 CHECK (offering >= 0) -- how many connected peers offer metadata of that size
, unusable TEXT) STRICT;

CREATE TABLE metadata_block (
    id         INTEGER PRIMARY KEY,
    torrent_id INTEGER NOT NULL REFERENCES torrent (id) ON DELETE CASCADE,
    size       INTEGER NOT NULL CHECK (size > 0),                -- of the whole metadata, as the sender claimed it
    idx        INTEGER NOT NULL CHECK (idx >= 0),                -- in blocks of 16 KiB
    sender     TEXT    NOT NULL,                                 -- the peer's address
    data       BLOB    NOT NULL CHECK (length(data) BETWEEN 1 AND 16384),
    UNIQUE (torrent_id, size, idx)
) STRICT;

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
, read_only TEXT CHECK (read_only IN ('set', 'unreachable'))) STRICT;

CREATE TABLE dht_node (
    family      INTEGER NOT NULL CHECK (family IN (4, 6)),
    address     TEXT    NOT NULL,                                -- a.b.c.d:port or [ipv6]:port (RFC 5952)
    node_id     BLOB    NOT NULL CHECK (length(node_id) = 20),
    last_answer INTEGER,
    rtt_ms      INTEGER CHECK (rtt_ms >= 0),
    verified    INTEGER NOT NULL CHECK (verified IN (0, 1)),     -- 1: it answered in the run that stored it last
    PRIMARY KEY (family, address)
) STRICT, WITHOUT ROWID;

CREATE TABLE dht_near (
    torrent_id INTEGER NOT NULL REFERENCES torrent (id) ON DELETE CASCADE,
    family     INTEGER NOT NULL CHECK (family IN (4, 6)),
    nodes      BLOB    NOT NULL CHECK (length(nodes) BETWEEN 1 AND 608),
    PRIMARY KEY (torrent_id, family)
) STRICT, WITHOUT ROWID;

CREATE INDEX torrent_dht_due ON torrent (dht_has_tracker, dht_due_at)
    WHERE private = 0 AND paused = 0 AND state IN ('seeding', 'complete');

CREATE VIEW v1_dht_node AS
    SELECT family, lower(hex(node_id)) AS node_id, address, last_answer, rtt_ms, verified FROM dht_node;

CREATE TABLE web_seed (
    torrent_id       INTEGER NOT NULL REFERENCES torrent (id) ON DELETE CASCADE,
    url              TEXT    NOT NULL,
    origin           TEXT    NOT NULL CHECK (origin IN ('metainfo', 'magnet', 'user')),
    removed          INTEGER NOT NULL DEFAULT 0 CHECK (removed IN (0, 1)),   -- 1: the user removed it, so the .torrent doesn't bring it back
    failures         INTEGER NOT NULL DEFAULT 0 CHECK (failures >= 0),       -- in a row
    last_error       TEXT,                                       -- what went wrong last, NULL once it works again
    rests_until      INTEGER,                                    -- nothing is requested before this time
    rate             INTEGER NOT NULL DEFAULT 0 CHECK (rate >= 0),           -- the best recent one
    live_rate        INTEGER NOT NULL DEFAULT 0 CHECK (live_rate >= 0),      -- at live_at
    live_at          INTEGER,
    downloaded_bytes INTEGER NOT NULL DEFAULT 0 CHECK (downloaded_bytes >= 0),
    last_used_at     INTEGER,
    PRIMARY KEY (torrent_id, url)
) STRICT, WITHOUT ROWID;

CREATE TABLE web_seed_file (
    torrent_id INTEGER NOT NULL,
    url        TEXT    NOT NULL,
    idx        INTEGER NOT NULL CHECK (idx >= 0),                -- as in file
    lacking    TEXT,                                             -- why the file can't be fetched there, NULL if it can
    location   TEXT,                                             -- where requests for it are redirected
    at         INTEGER NOT NULL,
    PRIMARY KEY (torrent_id, url, idx),
    FOREIGN KEY (torrent_id, url) REFERENCES web_seed (torrent_id, url) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;

CREATE VIEW v1_web_seed AS
    SELECT w.torrent_id, w.url, w.origin, w.failures, w.last_error, w.rests_until, w.rate, w.live_rate, w.live_at,
           w.downloaded_bytes, w.last_used_at,
           (SELECT count(*) FROM web_seed_file AS f
            WHERE f.torrent_id = w.torrent_id AND f.url = w.url AND f.lacking IS NOT NULL) AS files_lacking
    FROM web_seed AS w WHERE w.removed = 0;

CREATE VIEW v1_web_seed_file AS
    SELECT torrent_id, url, idx AS file_index, lacking, location, at FROM web_seed_file;

CREATE TABLE destination (
    torrent_id INTEGER PRIMARY KEY REFERENCES torrent (id) ON DELETE CASCADE,
    folder     TEXT    NOT NULL,                                 -- absolute
    mount_path TEXT,                                             -- where the folder's file system was mounted when the torrent was added
    problem    TEXT                                              -- why the move waits, in one sentence
) STRICT;

CREATE INDEX destination_problem ON destination (torrent_id) WHERE problem IS NOT NULL;

CREATE VIEW v1_destination AS
    SELECT torrent_id, folder, problem FROM destination;

CREATE VIEW v1_peer AS
    SELECT torrent_id, address, source, client, first_seen, last_seen, last_tried, last_connected, failures,
           downloaded_bytes, uploaded_bytes, hash_failures, rate, banned_until, ban_reason, told_good, told_bad
    FROM peer;

CREATE VIEW v1_run AS
    SELECT id, pid, started_at, heartbeat_at, stopped_at, clean, version, named_only, max_downloads, active_downloads, queued_downloads,
           max_seeds, active_seeds, queued_seeds, max_checks, active_checks, queued_checks, download_limit, upload_limit, alternative_until
    FROM run;

CREATE VIEW v1_magnet AS
    SELECT m.torrent_id, m.link, m.pause_after, m.offered_bytes, m.offering,
           (SELECT count(*) FROM metadata_block AS b WHERE b.torrent_id = m.torrent_id AND b.size = m.offered_bytes) AS blocks,
           (m.offered_bytes + 16383) / 16384 AS block_count, m.unusable
    FROM magnet AS m;

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

CREATE VIEW v1_torrent AS
    SELECT t.id, lower(hex(t.info_hash)) AS info_hash, t.name, t.output, t.state, t.error, t.paused, t.private, t.sequential,
           t.total_bytes, t.wanted_bytes, t.completed_bytes, t.piece_length, t.piece_count, t.pieces_have,
           t.downloaded_bytes, t.uploaded_bytes, t.wasted_bytes, t.download_limit, t.upload_limit, t.max_peers,
           t.seed_goal, t.seed_ratio, t.seed_seconds, t.added_at, t.completed_at, t.last_verified_at, t.volume_id,
           l.download_rate, l.upload_rate, l.peers_connected, l.at AS live_at,
           t.seeding_seconds + max(0, coalesce((SELECT seconds FROM seed_clock) - t.seed_mark, 0)) AS seeding_seconds,
           t.super_seed, l.spread_pieces
    FROM torrent AS t LEFT JOIN live AS l ON l.torrent_id = t.id;

CREATE TABLE label (
    torrent_id INTEGER NOT NULL REFERENCES torrent (id) ON DELETE CASCADE,
    name       TEXT    NOT NULL CHECK (length(name) BETWEEN 1 AND 100),
    PRIMARY KEY (torrent_id, name)
) STRICT, WITHOUT ROWID;

CREATE INDEX label_by_name ON label (name);

CREATE TABLE note (
    torrent_id INTEGER PRIMARY KEY REFERENCES torrent (id) ON DELETE CASCADE,
    text       TEXT    NOT NULL CHECK (length(text) BETWEEN 1 AND 10000),
    at         INTEGER NOT NULL                                  -- when it was written
) STRICT;

CREATE TABLE renamed (
    torrent_id INTEGER NOT NULL REFERENCES torrent (id) ON DELETE CASCADE,
    idx        INTEGER NOT NULL CHECK (idx >= -1),               -- as in path; -1: the torrent's own folder, or its only file
    path       TEXT    NOT NULL CHECK (length(path) > 0),        -- below the torrent's own folder; of -1 one name
    PRIMARY KEY (torrent_id, idx)
) STRICT, WITHOUT ROWID;

CREATE TABLE move_name (
    torrent_id INTEGER NOT NULL REFERENCES move (torrent_id) ON DELETE CASCADE,
    idx        INTEGER NOT NULL CHECK (idx >= -1),               -- as in renamed
    path       TEXT    NOT NULL CHECK (length(path) > 0),
    PRIMARY KEY (torrent_id, idx)
) STRICT, WITHOUT ROWID;

CREATE TABLE digest (
    torrent_id INTEGER NOT NULL REFERENCES torrent (id) ON DELETE CASCADE,
    idx        INTEGER NOT NULL CHECK (idx >= 0),                -- as in path
    sha256     BLOB    NOT NULL CHECK (length(sha256) = 32),
    read_at    INTEGER NOT NULL,                                 -- when the bytes were last read from end to end
    PRIMARY KEY (torrent_id, idx)
) STRICT, WITHOUT ROWID;

CREATE VIEW v1_label AS
    SELECT torrent_id, name AS label FROM label;

CREATE VIEW v1_note AS
    SELECT torrent_id, text, at FROM note;

CREATE VIEW v1_file AS
    SELECT p.torrent_id, p.idx AS file_index,
           CASE WHEN n.path IS NULL AND r.path IS NULL THEN p.path
                WHEN instr(p.path, '/') = 0 THEN coalesce(r.path, p.path)
                ELSE coalesce(r.path, substr(p.path, 1, instr(p.path, '/') - 1)) || '/'
                     || coalesce(n.path, substr(p.path, instr(p.path, '/') + 1))
           END AS path,
           p.length, p.pad, CASE WHEN p.pad THEN 0 ELSE coalesce(f.wanted, 1) END AS wanted,
           coalesce(f.completed_bytes, 0) AS completed_bytes, f.size, f.mtime_ns, f.fingerprint_at, p.path AS metainfo_path
    FROM path AS p LEFT JOIN file AS f ON f.torrent_id = p.torrent_id AND f.idx = p.idx
    LEFT JOIN renamed AS n ON n.torrent_id = p.torrent_id AND n.idx = p.idx
    LEFT JOIN renamed AS r ON r.torrent_id = p.torrent_id AND r.idx = -1;

CREATE VIEW v1_digest AS
    SELECT torrent_id, idx AS file_index, lower(hex(sha256)) AS sha256, read_at FROM digest;

CREATE UNIQUE INDEX volume_by_name ON volume (name) WHERE name IS NOT NULL;

CREATE UNIQUE INDEX volume_by_sentinel ON volume (sentinel) WHERE sentinel IS NOT NULL;

CREATE VIEW v1_volume AS
    SELECT v.id, v.identity, v.mount_path, v.last_seen, v.name, v.state, v.offline_since, v.free_bytes, v.total_bytes, v.reserve_bytes,
           v.sentinel, v.machine, count(t.id) AS torrents, coalesce(sum(t.completed_bytes), 0) AS completed_bytes,
           coalesce(sum(max(t.wanted_bytes - t.completed_bytes, 0)), 0) AS missing_bytes,
           min(CASE WHEN t.pieces_have > 0 THEN coalesce(t.last_verified_at, t.completed_at, t.added_at) END) AS oldest_verified_at
    FROM volume AS v LEFT JOIN torrent AS t ON t.volume_id = v.id GROUP BY v.id;

CREATE VIEW v1_read_only AS
    SELECT id AS torrent_id FROM torrent WHERE read_only = 1;

CREATE INDEX bitfield_by_age ON bitfield (verified_at) WHERE verified_at IS NOT NULL;

CREATE TABLE scrub_torrent (
    torrent_id INTEGER PRIMARY KEY REFERENCES torrent (id) ON DELETE CASCADE,
    period     INTEGER NOT NULL CHECK (period >= 0)              -- seconds; 0: never
) STRICT;

CREATE TABLE scrub_label (
    label  TEXT    NOT NULL PRIMARY KEY,
    period INTEGER NOT NULL CHECK (period >= 0)                  -- seconds; 0: never
) STRICT, WITHOUT ROWID;

CREATE TABLE scrub_volume (
    volume_id     INTEGER PRIMARY KEY REFERENCES volume (id) ON DELETE CASCADE,
    read_bytes    INTEGER NOT NULL DEFAULT 0 CHECK (read_bytes >= 0),     -- over all scrubs
    transients    INTEGER NOT NULL DEFAULT 0 CHECK (transients >= 0),     -- pieces that were bad once and good at the second reading
    -- Since repairs were last allowed: what the brake counts.
    counted_bytes  INTEGER NOT NULL DEFAULT 0 CHECK (counted_bytes >= 0),
    counted_pieces INTEGER NOT NULL DEFAULT 0 CHECK (counted_pieces >= 0),
    counted_bad    INTEGER NOT NULL DEFAULT 0 CHECK (counted_bad >= 0),
    held_at       INTEGER,                                       -- since when nothing is repaired there, NULL: it is repaired
    held_reason   TEXT,                                          -- one sentence, with held_at
    -- Where the scrub is: this torrent's pieces from page_began_at on are verified up to next_piece.
    torrent_id    INTEGER,
    next_piece    INTEGER CHECK (next_piece >= 0),
    page_began_at INTEGER,
    -- What a running engine says; to be ignored when live_at is old.
    rate          INTEGER NOT NULL DEFAULT 0 CHECK (rate >= 0),           -- bytes per second, over the last seconds
    rate_limit    INTEGER CHECK (rate_limit > 0),                -- NULL: as fast as peers allow
    due_bytes     INTEGER NOT NULL DEFAULT 0 CHECK (due_bytes >= 0),      -- that are to be read now
    activity      TEXT,                                          -- reading, idle, paused, away
    live_at       INTEGER,
    CHECK ((held_at IS NULL) = (held_reason IS NULL))
) STRICT;

CREATE TABLE damage (
    id           INTEGER PRIMARY KEY AUTOINCREMENT,
    torrent_id   INTEGER NOT NULL REFERENCES torrent (id) ON DELETE CASCADE,
    piece        INTEGER NOT NULL CHECK (piece >= 0),
    kind         TEXT    NOT NULL CHECK (kind IN ('rot', 'unreadable', 'edit', 'missing')),
    state        TEXT    NOT NULL CHECK (state IN ('waiting', 'unavailable', 'held', 'written', 'repaired')),
    path         TEXT    NOT NULL,                               -- the file, below the output folder
    file_offset  INTEGER NOT NULL CHECK (file_offset >= 0),      -- of the first byte that is known to be bad, else of the piece
    bytes        INTEGER NOT NULL CHECK (bytes >= 0),            -- of the piece
    bad_bytes    INTEGER CHECK (bad_bytes >= 0),                 -- how many differed, or could not be read; NULL: not known
    bad_bits     INTEGER CHECK (bad_bits >= 0),                  -- how many differed; NULL: not known
    volume_id    INTEGER REFERENCES volume (id) ON DELETE SET NULL,
    found_at     INTEGER NOT NULL,
    tries        INTEGER NOT NULL DEFAULT 0 CHECK (tries >= 0),  -- repairs that the disk didn't keep
    source       TEXT,                                           -- from whom it was repaired
    repaired_at  INTEGER,
    CHECK ((state = 'repaired') = (repaired_at IS NOT NULL))
) STRICT;

CREATE UNIQUE INDEX damage_standing ON damage (torrent_id, piece) WHERE state <> 'repaired';

CREATE INDEX damage_by_torrent ON damage (torrent_id);

CREATE VIEW v1_damage AS
    SELECT id, torrent_id, piece, kind, state, path, file_offset, bytes, bad_bytes, bad_bits, volume_id, found_at, tries,
           source, repaired_at
    FROM damage;

CREATE VIEW v1_scrub AS
    SELECT v.id AS volume_id, v.mount_path, coalesce(s.read_bytes, 0) AS read_bytes, coalesce(s.transients, 0) AS transients,
           s.held_at, s.held_reason, s.activity, coalesce(s.rate, 0) AS rate, s.rate_limit, coalesce(s.due_bytes, 0) AS due_bytes,
           s.live_at,
           (SELECT count(*) FROM damage AS d WHERE d.volume_id = v.id) AS damage_found,
           (SELECT count(*) FROM damage AS d WHERE d.volume_id = v.id AND d.state = 'repaired') AS damage_repaired,
           (SELECT count(*) FROM damage AS d WHERE d.volume_id = v.id AND d.state <> 'repaired') AS damage_standing
    FROM volume AS v LEFT JOIN scrub_volume AS s ON s.volume_id = v.id;

CREATE VIEW v1_scrub_policy AS
    SELECT 'torrent' AS scope, torrent_id, NULL AS label, period FROM scrub_torrent
    UNION ALL SELECT 'label', NULL, label, period FROM scrub_label
    UNION ALL SELECT 'all', NULL, NULL, coalesce((SELECT CAST(value AS INTEGER) FROM setting WHERE key = 'scrub.period'), 2592000);

CREATE TABLE imported (
    torrent_id INTEGER PRIMARY KEY REFERENCES torrent (id) ON DELETE CASCADE,
    client     TEXT    NOT NULL,                                 -- qbittorrent, transmission, rtorrent, deluge, aria2, libtorrent
    source     TEXT    NOT NULL,                                 -- the folder or file that the state was read from
    at         INTEGER NOT NULL,
    rank       INTEGER NOT NULL CHECK (rank >= 0),               -- the order of hashing: the lowest first
    bytes      INTEGER NOT NULL CHECK (bytes >= 0),              -- to hash, as estimated when the torrent was imported
    claimed    INTEGER CHECK (claimed >= 0),                     -- pieces that the client claimed to have; NULL: it didn't say
    claim      BLOB,                                             -- which ones, in wire bit order, until they are hashed; NULL: none
    omitted    TEXT,                                             -- what was not carried over, in one line; NULL: nothing
    hashed_at  INTEGER,                                          -- NULL until the whole payload was hashed
    wrong      INTEGER NOT NULL DEFAULT 0 CHECK (wrong >= 0),    -- claimed pieces whose bytes are wrong: damage that the client didn't know of
    missing    INTEGER NOT NULL DEFAULT 0 CHECK (missing >= 0)   -- claimed pieces that aren't there
) STRICT;

CREATE INDEX imported_unhashed ON imported (rank, torrent_id) WHERE hashed_at IS NULL;

CREATE VIEW v1_import AS
    SELECT torrent_id, client, source, at AS imported_at, bytes, claimed AS claimed_pieces, omitted, hashed_at, wrong AS wrong_pieces,
           missing AS missing_pieces
    FROM imported;

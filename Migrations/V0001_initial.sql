-- Schema 1: all that a pieces database knows.
--
-- Times are Unix seconds unless the name ends in _ns. Rates are bytes per second. Flags are 0 or 1.
-- The tables may change with every version of the program; the views named v1_* are what other programs may read.

-- One row a torrent, small, because lists scan it: what is large stands in metainfo and bitfield.
CREATE TABLE torrent (
    id               INTEGER PRIMARY KEY AUTOINCREMENT,          -- never used again, so that logs may speak of a removed one
    info_hash        BLOB    NOT NULL UNIQUE CHECK (length(info_hash) = 20),
    name             TEXT    NOT NULL,
    output           TEXT    NOT NULL,                           -- the absolute folder that the payload lies in
    total_bytes      INTEGER NOT NULL CHECK (total_bytes >= 0),
    piece_length     INTEGER NOT NULL CHECK (piece_length > 0),
    piece_count      INTEGER NOT NULL CHECK (piece_count >= 0),
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
                         ('queued', 'downloading', 'seeding', 'checking', 'complete', 'paused', 'offline', 'error')),
    error            TEXT,                                       -- one sentence, with 'error' and 'offline'
    wanted_bytes     INTEGER NOT NULL CHECK (wanted_bytes >= 0),
    completed_bytes  INTEGER NOT NULL DEFAULT 0 CHECK (completed_bytes >= 0), -- of wanted files, in recorded pieces
    pieces_have      INTEGER NOT NULL DEFAULT 0 CHECK (pieces_have BETWEEN 0 AND piece_count), -- the population of bitfield.have
    downloaded_bytes INTEGER NOT NULL DEFAULT 0 CHECK (downloaded_bytes >= 0),
    uploaded_bytes   INTEGER NOT NULL DEFAULT 0 CHECK (uploaded_bytes >= 0),
    wasted_bytes     INTEGER NOT NULL DEFAULT 0 CHECK (wasted_bytes >= 0),    -- bad hashes and duplicates
    added_at         INTEGER NOT NULL,
    completed_at     INTEGER,
    last_verified_at INTEGER,                                    -- when bytes of it were last read back and hashed
    root_seen        INTEGER NOT NULL DEFAULT 0 CHECK (root_seen IN (0, 1)), -- 1: the root existed, so it is never made again
    volume_id        INTEGER REFERENCES volume (id) ON DELETE SET NULL,
    CHECK ((seed_goal = 'ratio') = (seed_ratio IS NOT NULL)),
    CHECK ((seed_goal = 'time') = (seed_seconds IS NOT NULL))
) STRICT;
CREATE INDEX torrent_by_state ON torrent (state);
CREATE INDEX torrent_incomplete ON torrent (id) WHERE paused = 0 AND completed_bytes < wanted_bytes;
CREATE INDEX torrent_by_volume ON torrent (volume_id) WHERE volume_id IS NOT NULL;

-- The .torrent file, byte for byte. Hashes are read out of it by incremental blob I/O, so the blob is the last column.
CREATE TABLE metainfo (
    torrent_id    INTEGER PRIMARY KEY REFERENCES torrent (id) ON DELETE CASCADE,
    pieces_offset INTEGER NOT NULL CHECK (pieces_offset >= 0),   -- of the first piece's hash in file
    info_offset   INTEGER NOT NULL CHECK (info_offset >= 0),     -- of the raw info dictionary in file
    info_length   INTEGER NOT NULL CHECK (info_length > 0),
    file          BLOB    NOT NULL
) STRICT;

-- Files with something to say: not wanted, or with a fingerprint. Paths and lengths are in the metainfo.
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
    fingerprint_at  INTEGER,
    PRIMARY KEY (torrent_id, idx),
    CHECK ((size IS NULL) = (mtime_ns IS NULL) AND (size IS NULL) = (inode IS NULL)
       AND (size IS NULL) = (device IS NULL) AND (size IS NULL) = (fingerprint_at IS NULL))
) STRICT, WITHOUT ROWID;

-- Which pieces are on the disk and synced: pages of 1024 pieces, wire bit order. A page of nothing has no row.
CREATE TABLE bitfield (
    torrent_id  INTEGER NOT NULL REFERENCES torrent (id) ON DELETE CASCADE,
    page        INTEGER NOT NULL CHECK (page >= 0),
    have        BLOB    NOT NULL CHECK (length(have) BETWEEN 1 AND 128),
    opened      BLOB    CHECK (length(opened) = length(have)),   -- may have been written since the last commit: in doubt after a crash
    verified_at INTEGER,                                         -- the oldest verification of the pieces in have; NULL when there is none
    PRIMARY KEY (torrent_id, page)
) STRICT, WITHOUT ROWID;

-- Blocks of incomplete pieces that are on the disk and synced, not verified: wire bit order, block 0 first.
CREATE TABLE partial_piece (
    torrent_id INTEGER NOT NULL REFERENCES torrent (id) ON DELETE CASCADE,
    piece      INTEGER NOT NULL CHECK (piece >= 0),
    blocks     BLOB    NOT NULL CHECK (length(blocks) BETWEEN 1 AND 512),
    PRIMARY KEY (torrent_id, piece)
) STRICT, WITHOUT ROWID;

-- What is remembered of peers.
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
    ban_reason       TEXT,
    PRIMARY KEY (torrent_id, address),
    CHECK ((banned_until IS NULL) = (ban_reason IS NULL))
) STRICT, WITHOUT ROWID;

-- What is remembered of trackers (BEP 3, 12, 48).
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

-- What a running engine says of its awake torrents every few seconds; to be ignored when `at` is old.
CREATE TABLE live (
    torrent_id      INTEGER PRIMARY KEY REFERENCES torrent (id) ON DELETE CASCADE,
    download_rate   INTEGER NOT NULL CHECK (download_rate >= 0),
    upload_rate     INTEGER NOT NULL CHECK (upload_rate >= 0),
    peers_connected INTEGER NOT NULL CHECK (peers_connected >= 0),
    seeders         INTEGER NOT NULL CHECK (seeders >= 0),       -- connected ones
    leechers        INTEGER NOT NULL CHECK (leechers >= 0),      -- connected ones
    eta_seconds     INTEGER CHECK (eta_seconds >= 0),            -- NULL: nobody knows
    at              INTEGER NOT NULL
) STRICT;

-- Lives of the engine. One without stopped_at is running, or was killed.
CREATE TABLE run (
    id           INTEGER PRIMARY KEY AUTOINCREMENT,
    pid          INTEGER NOT NULL,
    started_at   INTEGER NOT NULL,
    heartbeat_at INTEGER NOT NULL,
    stopped_at   INTEGER,
    clean        INTEGER NOT NULL DEFAULT 0 CHECK (clean IN (0, 1)), -- 1: all that was written was synced and recorded
    version      TEXT    NOT NULL,
    boot_id      TEXT    NOT NULL                                -- of the machine: another one means that it was restarted
) STRICT;

-- The log. No foreign key: it outlives the torrent, and keeps its info hash.
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

-- File systems on which payloads were seen, so that a missing disk is told from a deleted folder.
CREATE TABLE volume (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    identity   TEXT    NOT NULL UNIQUE,                          -- the file system's UUID, or a description of the device
    mount_path TEXT    NOT NULL,                                 -- where it was last seen
    last_seen  INTEGER NOT NULL
) STRICT;

-- What commands tell a running engine, oldest first; it deletes what it takes. No foreign key: `remove` outlives its torrent.
CREATE TABLE intent (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    at         INTEGER NOT NULL,
    torrent_id INTEGER,                                          -- NULL: the engine itself
    verb       TEXT    NOT NULL,
    argument   TEXT
) STRICT;

-- The public interface. A column that is here stays, with its meaning; new ones may be added.
CREATE VIEW v1_torrent AS
    SELECT id, lower(hex(info_hash)) AS info_hash, name, output, state, error, paused, private, sequential,
           total_bytes, wanted_bytes, completed_bytes, piece_length, piece_count, pieces_have,
           downloaded_bytes, uploaded_bytes, wasted_bytes, download_limit, upload_limit, max_peers,
           seed_goal, seed_ratio, seed_seconds, added_at, completed_at, last_verified_at, volume_id
    FROM torrent;

CREATE VIEW v1_file AS
    SELECT torrent_id, idx AS file_index, wanted, completed_bytes, size, mtime_ns, fingerprint_at FROM file WHERE idx >= 0;

CREATE VIEW v1_peer AS
    SELECT torrent_id, address, source, client, first_seen, last_seen, last_tried, last_connected, failures,
           downloaded_bytes, uploaded_bytes, hash_failures, rate, banned_until, ban_reason
    FROM peer;

CREATE VIEW v1_tracker AS
    SELECT torrent_id, url, tier, position, next_announce_at, interval, failures, last_announce_at, last_success_at,
           last_error, warning, seeders, leechers, downloads, last_scrape_at
    FROM tracker;

CREATE VIEW v1_volume AS
    SELECT id, identity, mount_path, last_seen FROM volume;

CREATE VIEW v1_event AS
    SELECT id, at, torrent_id, lower(hex(info_hash)) AS info_hash, kind, detail FROM event;

CREATE VIEW v1_run AS
    SELECT id, pid, started_at, heartbeat_at, stopped_at, clean, version FROM run;

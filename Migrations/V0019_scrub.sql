-- Schema 19: scrub and repair: how often verified bytes are read back, what was found, and how it was repaired.

-- The order in which a scrub reads: pages verified longest ago come first.
CREATE INDEX bitfield_by_age ON bitfield (verified_at) WHERE verified_at IS NOT NULL;

-- Periods of single torrents. Those of labels are in scrub_label, the one of all others is the setting scrub.period.
CREATE TABLE scrub_torrent (
    torrent_id INTEGER PRIMARY KEY REFERENCES torrent (id) ON DELETE CASCADE,
    period     INTEGER NOT NULL CHECK (period >= 0)              -- seconds; 0: never
) STRICT;

-- Periods of labels. If a torrent has several of them, the shortest holds; 0 (never) holds only if no other label has one.
CREATE TABLE scrub_label (
    label  TEXT    NOT NULL PRIMARY KEY,
    period INTEGER NOT NULL CHECK (period >= 0)                  -- seconds; 0: never
) STRICT, WITHOUT ROWID;

-- What scrubs have found on a volume, where the current one is, and what a running engine says of it.
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

-- Pieces that were recorded as present and turned out not to be. A row stays when the piece is repaired.
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

-- The public interface.
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

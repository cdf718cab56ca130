-- Schema 6: seed time is the time in which a torrent was there for others, and trackers' servers that want to be left alone.

-- Seconds for which an engine has served all of its torrents, in all of its lives together; it stands still while none runs, and while the machine is
-- suspended. A torrent that seeds notes what the clock said when it began, so that an engine with 100,000 of them writes one row.
CREATE TABLE seed_clock (
    id      INTEGER PRIMARY KEY CHECK (id = 1),
    seconds INTEGER NOT NULL CHECK (seconds >= 0)
) STRICT;

-- Time for which the torrent seeded, without what has passed since seed_mark. seed_goal 'time' compares the sum with seed_seconds; with 'ratio', seed_ratio
-- is compared with uploaded_bytes / wanted_bytes.
ALTER TABLE torrent ADD COLUMN seeding_seconds INTEGER NOT NULL DEFAULT 0 CHECK (seeding_seconds >= 0);
-- What the clock said when the torrent began to seed; NULL when it doesn't.
ALTER TABLE torrent ADD COLUMN seed_mark INTEGER CHECK (seed_mark >= 0);
-- Those that have just begun to seed, and those that have just ended: both are few.
CREATE INDEX torrent_begins_seeding ON torrent (id) WHERE state = 'seeding' AND paused = 0 AND seed_mark IS NULL;
CREATE INDEX torrent_ends_seeding ON torrent (id) WHERE seed_mark IS NOT NULL AND (state <> 'seeding' OR paused <> 0);

-- Servers of trackers that said when they want to be asked again (429 or 503 with Retry-After), which holds for all torrents.
CREATE TABLE tracker_host (
    server      TEXT    NOT NULL PRIMARY KEY,                    -- scheme://host:port
    rests_until INTEGER NOT NULL,
    reason      TEXT    NOT NULL
) STRICT, WITHOUT ROWID;

DROP VIEW v1_torrent;
CREATE VIEW v1_torrent AS
    SELECT t.id, lower(hex(t.info_hash)) AS info_hash, t.name, t.output, t.state, t.error, t.paused, t.private, t.sequential,
           t.total_bytes, t.wanted_bytes, t.completed_bytes, t.piece_length, t.piece_count, t.pieces_have,
           t.downloaded_bytes, t.uploaded_bytes, t.wasted_bytes, t.download_limit, t.upload_limit, t.max_peers,
           t.seed_goal, t.seed_ratio, t.seed_seconds, t.added_at, t.completed_at, t.last_verified_at, t.volume_id,
           l.download_rate, l.upload_rate, l.peers_connected, l.at AS live_at,
           t.seeding_seconds + max(0, coalesce((SELECT seconds FROM seed_clock) - t.seed_mark, 0)) AS seeding_seconds
    FROM torrent AS t LEFT JOIN live AS l ON l.torrent_id = t.id;

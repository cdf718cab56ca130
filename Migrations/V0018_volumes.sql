-- Schema 18: volumes have names, states and reserves, and a database knows its machine; payload that is never written; torrents that wait for space.
--
-- A step of the program that belongs to this schema allows the state 'no_space' without rewriting the table torrent.

ALTER TABLE volume ADD COLUMN name TEXT;                         -- the user's name for it
ALTER TABLE volume ADD COLUMN reserve_bytes INTEGER CHECK (reserve_bytes >= 0); -- that downloads leave free; NULL: as the setting `reserve` says
ALTER TABLE volume ADD COLUMN sentinel TEXT;                     -- the number in the file .pieces-volume in its root, if the user allowed one
ALTER TABLE volume ADD COLUMN machine TEXT;                      -- the machine on which it was last found; NULL until an engine has run
ALTER TABLE volume ADD COLUMN state TEXT NOT NULL DEFAULT 'online'; -- as an engine saw it last
ALTER TABLE volume ADD COLUMN offline_since INTEGER;             -- NULL while it is in its place
ALTER TABLE volume ADD COLUMN free_bytes INTEGER;                -- for other users than root, as an engine saw it last
ALTER TABLE volume ADD COLUMN total_bytes INTEGER;
CREATE UNIQUE INDEX volume_by_name ON volume (name) WHERE name IS NOT NULL;
CREATE UNIQUE INDEX volume_by_sentinel ON volume (sentinel) WHERE sentinel IS NOT NULL;

-- 1: the files are served and checked, and never created, truncated, extended or written.
ALTER TABLE torrent ADD COLUMN read_only INTEGER NOT NULL DEFAULT 0 CHECK (read_only IN (0, 1));

-- The public interface. A column that is here stays, with its meaning; new ones may be added.
DROP VIEW v1_volume;
CREATE VIEW v1_volume AS
    SELECT v.id, v.identity, v.mount_path, v.last_seen, v.name, v.state, v.offline_since, v.free_bytes, v.total_bytes, v.reserve_bytes,
           v.sentinel, v.machine, count(t.id) AS torrents, coalesce(sum(t.completed_bytes), 0) AS completed_bytes,
           coalesce(sum(max(t.wanted_bytes - t.completed_bytes, 0)), 0) AS missing_bytes,
           min(CASE WHEN t.pieces_have > 0 THEN coalesce(t.last_verified_at, t.completed_at, t.added_at) END) AS oldest_verified_at
    FROM volume AS v LEFT JOIN torrent AS t ON t.volume_id = v.id GROUP BY v.id;

CREATE VIEW v1_read_only AS
    SELECT id AS torrent_id FROM torrent WHERE read_only = 1;

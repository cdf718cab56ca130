-- Schema 5: who waits for a slot of the engine, and how its slots are used.

-- Torrents that gave up their slots, and have received nothing since: they wait behind the others, the lowest turn first.
CREATE TABLE yielded (
    torrent_id INTEGER PRIMARY KEY REFERENCES torrent (id) ON DELETE CASCADE,
    turn       INTEGER NOT NULL CHECK (turn > 0)
) STRICT;

-- What the engine says of its slots with each sign of life. A limit is NULL where there is none.
ALTER TABLE run ADD COLUMN named_only INTEGER NOT NULL DEFAULT 0 CHECK (named_only IN (0, 1)); -- 1: it works on the torrents that its command named
ALTER TABLE run ADD COLUMN max_downloads INTEGER CHECK (max_downloads > 0);
ALTER TABLE run ADD COLUMN active_downloads INTEGER NOT NULL DEFAULT 0 CHECK (active_downloads >= 0);
ALTER TABLE run ADD COLUMN queued_downloads INTEGER NOT NULL DEFAULT 0 CHECK (queued_downloads >= 0);
ALTER TABLE run ADD COLUMN max_seeds INTEGER CHECK (max_seeds > 0);
ALTER TABLE run ADD COLUMN active_seeds INTEGER NOT NULL DEFAULT 0 CHECK (active_seeds >= 0);
ALTER TABLE run ADD COLUMN queued_seeds INTEGER NOT NULL DEFAULT 0 CHECK (queued_seeds >= 0);
ALTER TABLE run ADD COLUMN max_checks INTEGER CHECK (max_checks > 0);
ALTER TABLE run ADD COLUMN active_checks INTEGER NOT NULL DEFAULT 0 CHECK (active_checks >= 0);
ALTER TABLE run ADD COLUMN queued_checks INTEGER NOT NULL DEFAULT 0 CHECK (queued_checks >= 0);

-- The public interface. A column that is here stays, with its meaning; new ones may be added.
DROP VIEW v1_run;
CREATE VIEW v1_run AS
    SELECT id, pid, started_at, heartbeat_at, stopped_at, clean, version, named_only, max_downloads, active_downloads, queued_downloads,
           max_seeds, active_seeds, queued_seeds, max_checks, active_checks, queued_checks
    FROM run;

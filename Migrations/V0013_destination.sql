-- Schema 13: torrents that are downloaded in another folder than their own, the limits that hold, and who told of good peers.

-- Where a torrent moves when it is complete. It has no row if it is downloaded in its own folder.
CREATE TABLE destination (
    torrent_id INTEGER PRIMARY KEY REFERENCES torrent (id) ON DELETE CASCADE,
    folder     TEXT    NOT NULL,                                 -- absolute
    mount_path TEXT,                                             -- where the folder's file system was mounted when the torrent was added
    problem    TEXT                                              -- why the move waits, in one sentence
) STRICT;
CREATE INDEX destination_problem ON destination (torrent_id) WHERE problem IS NOT NULL;

-- The limits of a running engine for all torrents together, in bytes per second; NULL where there is none.
ALTER TABLE run ADD COLUMN download_limit INTEGER CHECK (download_limit >= 0);
ALTER TABLE run ADD COLUMN upload_limit INTEGER CHECK (upload_limit >= 0);
ALTER TABLE run ADD COLUMN alternative_until INTEGER;            -- until when the alternative limits hold; NULL while the usual ones do

-- How many peers that this one told of were good, and how many were bad.
ALTER TABLE peer ADD COLUMN told_good INTEGER NOT NULL DEFAULT 0 CHECK (told_good >= 0);
ALTER TABLE peer ADD COLUMN told_bad INTEGER NOT NULL DEFAULT 0 CHECK (told_bad >= 0);

-- The public interface. A column that is here stays, with its meaning; new ones may be added.
CREATE VIEW v1_destination AS
    SELECT torrent_id, folder, problem FROM destination;

DROP VIEW v1_peer;
CREATE VIEW v1_peer AS
    SELECT torrent_id, address, source, client, first_seen, last_seen, last_tried, last_connected, failures,
           downloaded_bytes, uploaded_bytes, hash_failures, rate, banned_until, ban_reason, told_good, told_bad
    FROM peer;

DROP VIEW v1_run;
CREATE VIEW v1_run AS
    SELECT id, pid, started_at, heartbeat_at, stopped_at, clean, version, named_only, max_downloads, active_downloads, queued_downloads,
           max_seeds, active_seeds, queued_seeds, max_checks, active_checks, queued_checks, download_limit, upload_limit, alternative_until
    FROM run;

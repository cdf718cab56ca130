-- Schema 12: web seeds (BEP 19): HTTP servers that have the files of a torrent.

-- Web seeds of torrents. Those that a .torrent names get their rows when the torrent is added or activated.
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

-- What is known of single files on a web seed.
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

-- The public interface.
CREATE VIEW v1_web_seed AS
    SELECT w.torrent_id, w.url, w.origin, w.failures, w.last_error, w.rests_until, w.rate, w.live_rate, w.live_at,
           w.downloaded_bytes, w.last_used_at,
           (SELECT count(*) FROM web_seed_file AS f
            WHERE f.torrent_id = w.torrent_id AND f.url = w.url AND f.lacking IS NOT NULL) AS files_lacking
    FROM web_seed AS w WHERE w.removed = 0;

CREATE VIEW v1_web_seed_file AS
    SELECT torrent_id, url, idx AS file_index, lacking, location, at FROM web_seed_file;

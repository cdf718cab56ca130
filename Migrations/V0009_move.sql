-- Schema 9: payload that is being moved to another folder, and the order in which torrents wait for a slot.

-- A move that is under way. Until its step is 'removing' the torrent is held: torrent.paused is 1, and was_paused is what the user chose.
CREATE TABLE move (
    torrent_id INTEGER PRIMARY KEY REFERENCES torrent (id) ON DELETE CASCADE,
    source     TEXT    NOT NULL,                                 -- the absolute folder that the payload is moved from
    target     TEXT    NOT NULL,                                 -- the absolute folder that it is moved to
    step       TEXT    NOT NULL CHECK (step IN ('waiting', 'placing', 'removing')),
    was_paused INTEGER NOT NULL CHECK (was_paused IN (0, 1)),
    began_at   INTEGER NOT NULL,
    released   INTEGER                                           -- the run whose engine has closed the torrent's files
) STRICT;

-- The files of a move, as they were in the old folder when it began.
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

-- The place that the user gave the torrent in the queue: lower ones come first, and 0 is the middle.
ALTER TABLE torrent ADD COLUMN queue_place INTEGER NOT NULL DEFAULT 0;
CREATE INDEX torrent_by_queue_place ON torrent (queue_place, id) WHERE queue_place <> 0;

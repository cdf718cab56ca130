-- Schema 17: what the keeper of an archive adds to torrents: labels, notes and other names for files; and the SHA-256 of files.

-- Labels of torrents. Policies and commands choose torrents by them.
CREATE TABLE label (
    torrent_id INTEGER NOT NULL REFERENCES torrent (id) ON DELETE CASCADE,
    name       TEXT    NOT NULL CHECK (length(name) BETWEEN 1 AND 100),
    PRIMARY KEY (torrent_id, name)
) STRICT, WITHOUT ROWID;
CREATE INDEX label_by_name ON label (name);

-- What the user wrote about a torrent.
CREATE TABLE note (
    torrent_id INTEGER PRIMARY KEY REFERENCES torrent (id) ON DELETE CASCADE,
    text       TEXT    NOT NULL CHECK (length(text) BETWEEN 1 AND 10000),
    at         INTEGER NOT NULL                                  -- when it was written
) STRICT;

-- Files that have other names here than in the metainfo. The metainfo, and the table path, stay as they are.
CREATE TABLE renamed (
    torrent_id INTEGER NOT NULL REFERENCES torrent (id) ON DELETE CASCADE,
    idx        INTEGER NOT NULL CHECK (idx >= -1),               -- as in path; -1: the torrent's own folder, or its only file
    path       TEXT    NOT NULL CHECK (length(path) > 0),        -- below the torrent's own folder; of -1 one name
    PRIMARY KEY (torrent_id, idx)
) STRICT, WITHOUT ROWID;

-- All rows that renamed has after a renaming that is under way: a move whose source is its target. Names on the disk come first.
CREATE TABLE move_name (
    torrent_id INTEGER NOT NULL REFERENCES move (torrent_id) ON DELETE CASCADE,
    idx        INTEGER NOT NULL CHECK (idx >= -1),               -- as in renamed
    path       TEXT    NOT NULL CHECK (length(path) > 0),
    PRIMARY KEY (torrent_id, idx)
) STRICT, WITHOUT ROWID;

-- The SHA-256 of files all of whose pieces were good when they were read.
CREATE TABLE digest (
    torrent_id INTEGER NOT NULL REFERENCES torrent (id) ON DELETE CASCADE,
    idx        INTEGER NOT NULL CHECK (idx >= 0),                -- as in path
    sha256     BLOB    NOT NULL CHECK (length(sha256) = 32),
    read_at    INTEGER NOT NULL,                                 -- when the bytes were last read from end to end
    PRIMARY KEY (torrent_id, idx)
) STRICT, WITHOUT ROWID;

-- The public interface. A column that is here stays, with its meaning; new ones may be added.
CREATE VIEW v1_label AS
    SELECT torrent_id, name AS label FROM label;

CREATE VIEW v1_note AS
    SELECT torrent_id, text, at FROM note;

DROP VIEW v1_file;
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

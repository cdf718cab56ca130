-- Schema 7: the index on the paths of torrents has four bytes a torrent, in place of the whole path.

DROP INDEX torrent_by_root;
-- Everything that a torrent names lies at one path or below it: the output folder with its links resolved, a slash, and the name. This is the path's hash, its
-- SHA-1's first 32 bits as a signed number. Two paths can have the same.
ALTER TABLE torrent ADD COLUMN root_hash INTEGER;
CREATE INDEX torrent_by_root ON torrent (root_hash);

-- The output folders of torrents, their links resolved: few have torrents in them, so that whether a torrent's files lie in one is soon told. A folder can
-- outlast its torrents.
CREATE TABLE folder (
    path TEXT NOT NULL PRIMARY KEY
) STRICT, WITHOUT ROWID;

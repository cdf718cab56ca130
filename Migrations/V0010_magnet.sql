-- Schema 10: torrents that are known only by their magnet link, until their metadata (the info dictionary) has arrived.
--
-- A step of the program that belongs to this schema loosens the table torrent without rewriting it: state may be 'metadata', and total_bytes, piece_length,
-- piece_count and wanted_bytes may be NULL, all or none of them, which means that the metadata isn't there yet. The name is then the link's, or the info hash.

-- Torrents without metadata.
CREATE TABLE magnet (
    torrent_id    INTEGER PRIMARY KEY REFERENCES torrent (id) ON DELETE CASCADE,
    link          TEXT    NOT NULL,                              -- the magnet link as the program prints it
    patterns      TEXT,                                          -- which files the user chose, one pattern a line; NULL: those of the link, or all
    pause_after   INTEGER NOT NULL DEFAULT 0 CHECK (pause_after IN (0, 1)), -- 1: the torrent is paused when its metadata has arrived
    -- What a running engine found; it means something as long as the torrent's row in live is fresh.
    offered_bytes INTEGER CHECK (offered_bytes > 0),             -- the size of the metadata according to most of the connected peers
    offering      INTEGER NOT NULL DEFAULT 0 CHECK (offering >= 0) -- how many connected peers offer metadata of that size
) STRICT;

-- Blocks of metadata as they came, of each size that peers claimed. They prove nothing before all of them hash to the torrent's info hash.
CREATE TABLE metadata_block (
    id         INTEGER PRIMARY KEY,
    torrent_id INTEGER NOT NULL REFERENCES torrent (id) ON DELETE CASCADE,
    size       INTEGER NOT NULL CHECK (size > 0),                -- of the whole metadata, as the sender claimed it
    idx        INTEGER NOT NULL CHECK (idx >= 0),                -- in blocks of 16 KiB
    sender     TEXT    NOT NULL,                                 -- the peer's address
    data       BLOB    NOT NULL CHECK (length(data) BETWEEN 1 AND 16384),
    UNIQUE (torrent_id, size, idx)
) STRICT;

-- The public interface.
CREATE VIEW v1_magnet AS
    SELECT m.torrent_id, m.link, m.pause_after, m.offered_bytes, m.offering,
           (SELECT count(*) FROM metadata_block AS b WHERE b.torrent_id = m.torrent_id AND b.size = m.offered_bytes) AS blocks,
           (m.offered_bytes + 16383) / 16384 AS block_count
    FROM magnet AS m;

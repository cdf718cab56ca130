-- Schema 20: torrents that were taken over from another client, and what became of its claims.

-- One row a torrent that was imported. The payload is unverified until it was hashed: what the other client claimed decides the order, and nothing else.
CREATE TABLE imported (
    torrent_id INTEGER PRIMARY KEY REFERENCES torrent (id) ON DELETE CASCADE,
    client     TEXT    NOT NULL,                                 -- qbittorrent, transmission, rtorrent, deluge, aria2, libtorrent
    source     TEXT    NOT NULL,                                 -- the folder or file that the state was read from
    at         INTEGER NOT NULL,
    rank       INTEGER NOT NULL CHECK (rank >= 0),               -- the order of hashing: the lowest first
    bytes      INTEGER NOT NULL CHECK (bytes >= 0),              -- to hash, as estimated when the torrent was imported
    claimed    INTEGER CHECK (claimed >= 0),                     -- pieces that the client claimed to have; NULL: it didn't say
    claim      BLOB,                                             -- which ones, in wire bit order, until they are hashed; NULL: none
    omitted    TEXT,                                             -- what was not carried over, in one line; NULL: nothing
    hashed_at  INTEGER,                                          -- NULL until the whole payload was hashed
    wrong      INTEGER NOT NULL DEFAULT 0 CHECK (wrong >= 0),    -- claimed pieces whose bytes are wrong: damage that the client didn't know of
    missing    INTEGER NOT NULL DEFAULT 0 CHECK (missing >= 0)   -- claimed pieces that aren't there
) STRICT;
CREATE INDEX imported_unhashed ON imported (rank, torrent_id) WHERE hashed_at IS NULL;

-- The public interface. A column that is here stays, with its meaning; new ones may be added.
CREATE VIEW v1_import AS
    SELECT torrent_id, client, source, at AS imported_at, bytes, claimed AS claimed_pieces, omitted, hashed_at, wrong AS wrong_pieces,
           missing AS missing_pieces
    FROM imported;

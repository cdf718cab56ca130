-- Schema 14: metadata that has arrived, but can't be used, isn't fetched again.

ALTER TABLE magnet ADD COLUMN unusable TEXT;                     -- why no torrent can be made of the metadata, although its hash is right

-- The public interface. A column that is here stays, with its meaning; new ones may be added.
DROP VIEW v1_magnet;
CREATE VIEW v1_magnet AS
    SELECT m.torrent_id, m.link, m.pause_after, m.offered_bytes, m.offering,
           (SELECT count(*) FROM metadata_block AS b WHERE b.torrent_id = m.torrent_id AND b.size = m.offered_bytes) AS blocks,
           (m.offered_bytes + 16383) / 16384 AS block_count, m.unusable
    FROM magnet AS m;

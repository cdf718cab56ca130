-- Schema 16: super-seeding (BEP 16): the only seed of a torrent tells each peer of few pieces.

-- Whether the torrent super-seeds once it has every piece; NULL: as the engine's options say.
ALTER TABLE torrent ADD COLUMN super_seed INTEGER CHECK (super_seed IN (0, 1));
-- How many pieces connected peers have, while the torrent super-seeds; otherwise NULL.
ALTER TABLE live ADD COLUMN spread_pieces INTEGER CHECK (spread_pieces >= 0);

-- The public interface. A column that is here stays, with its meaning; new ones may be added.
DROP VIEW v1_torrent;
CREATE VIEW v1_torrent AS
    SELECT t.id, lower(hex(t.info_hash)) AS info_hash, t.name, t.output, t.state, t.error, t.paused, t.private, t.sequential,
           t.total_bytes, t.wanted_bytes, t.completed_bytes, t.piece_length, t.piece_count, t.pieces_have,
           t.downloaded_bytes, t.uploaded_bytes, t.wasted_bytes, t.download_limit, t.upload_limit, t.max_peers,
           t.seed_goal, t.seed_ratio, t.seed_seconds, t.added_at, t.completed_at, t.last_verified_at, t.volume_id,
           l.download_rate, l.upload_rate, l.peers_connected, l.at AS live_at,
           t.seeding_seconds + max(0, coalesce((SELECT seconds FROM seed_clock) - t.seed_mark, 0)) AS seeding_seconds,
           t.super_seed, l.spread_pieces
    FROM torrent AS t LEFT JOIN live AS l ON l.torrent_id = t.id;

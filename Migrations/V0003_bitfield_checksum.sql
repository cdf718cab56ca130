-- Schema 3: a bit that turns over on the disk in what is claimed is noticed.

-- The FNV-1a 64 of the row (torrent_id, page, have, opened, verified_at) as the program computes it; NULL until the row is written again.
ALTER TABLE bitfield ADD COLUMN checksum INTEGER;

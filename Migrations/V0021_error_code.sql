-- Schema 21: what kind of error a torrent has, for programs.

ALTER TABLE torrent ADD COLUMN error_code TEXT;                  -- with error: read_only; NULL: any other error, or none

-- So far the sentence alone told this kind.
UPDATE torrent SET error_code = 'read_only' WHERE state = 'error' AND error LIKE '%: pieces serves what is there; %';

-- Schema 4: which payload files are a torrent's own, so that no other file is written to or deleted.

-- The output folder with its links resolved, as they were when the torrent was added; NULL when that is the same path.
ALTER TABLE torrent ADD COLUMN resolved TEXT;
-- Everything that a torrent names lies at this path or below it.
CREATE INDEX torrent_by_root ON torrent (rtrim(coalesce(resolved, output), '/') || '/' || name);

-- 1: the user allowed the torrent to overwrite files that it finds at its paths. Taken back as soon as the files that are there count as its own.
ALTER TABLE torrent ADD COLUMN overwrite INTEGER NOT NULL DEFAULT 0 CHECK (overwrite IN (0, 1));

-- 1: the torrent is about to create the file, or was allowed to overwrite it. Noted before the file is created, so that the torrent knows its own file after a crash; taken back when the file's fingerprint is recorded.
ALTER TABLE file ADD COLUMN made INTEGER NOT NULL DEFAULT 0 CHECK (made IN (0, 1));

-- 1: when the fingerprint was first recorded, another torrent held the same file. That one writes to it; this one only reads.
ALTER TABLE file ADD COLUMN shared INTEGER NOT NULL DEFAULT 0 CHECK (shared IN (0, 1));

-- When the file was created, nanoseconds since 1970; NULL where the file system doesn't say. An inode that was freed and used again is another file.
ALTER TABLE file ADD COLUMN born_ns INTEGER;
CREATE INDEX file_by_inode ON file (inode) WHERE inode IS NOT NULL;

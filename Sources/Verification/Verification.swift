// Room: Verification.
// Duty: checks payload against the hashes of its torrent, and writes what it finds into the database.
// Owns: the findings as values; the decision which file is to blame for a bad piece; where an interrupted verification
// resumes; the lock that keeps two verifications from reading one torrent.
// Never: prints, parses arguments or decides when to verify; records a piece as present before the files that hold it
// are synced; concludes anything from files that can't be reached.
// Invariants: a finding is written in one transaction; a verification that is killed loses only the parts that were
// being read.

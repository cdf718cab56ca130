// Room: Recovery.
// Duty: brings a damaged or lost database back: salvage, restore, and the backups that both need.
// Owns: the backups beside the database and when they are made; the copy that replaces a damaged database, and the name
// under which the damaged one is kept.
// Never: deletes a damaged database; changes a file that nothing shows to be ours; invents a claim that a piece is
// present.
// Invariants: after a recovery every piece is unverified until it is rechecked; a replacement that was interrupted at
// any point is finished by the next start; a backup gets its name only when it is complete, checked and synced.

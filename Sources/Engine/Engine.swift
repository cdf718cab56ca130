// Room: Engine.
// Duty: runs the brain: passes it events from sockets, disk, database and clock, and performs its effects.
// Owns: the lifecycle of a session and of every active torrent; the order in which effects reach disk and database.
// Never: decides anything about pieces, peers or durability, which is the brain's task; blocks the event loop.
// Invariants: one loop, one thread: the session and the active torrents are actors on it and call each other without a
// hop; every effect that can fail is answered by one event; nothing is recorded before a sync has covered it.

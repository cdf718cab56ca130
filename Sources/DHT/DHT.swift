// Room: DHT.
// Duty: finds peers of public torrents in the distributed hash table and announces torrents there; answers other nodes
// (BEP 5, 32, 33, 42, 43).
// Owns: node ids, messages, the routing table, lookups, tokens, stored peers, and the limits in both directions.
// Never: opens a socket, reads a clock, resolves a name, touches the database, uses randomness that its seed doesn't
// determine, or traps on bytes from outside.
// Invariants: a private torrent can't be named, because every search and announce takes a `PublicInfoHash`; every
// collection that grows with remote input has a named limit; only nodes that answered are told to others; each query
// ends with exactly one answer, error or timeout; the same events and the same seed give the same effects.

// Room: Torrent.
// Duty: describes torrents: identity, geometry, bitfield, metainfo, safe paths and creation; formats numbers and text
// from outside for display.
// Owns: the value types that all rooms share (piece, block, info hash, peer address).
// Never: reads a clock, a file or a socket; traps on bytes from outside.
// Invariants: every value that exists is valid, because initializers reject invalid input.

// Room: Torrent.
// Duty: what a torrent *is*: identity, geometry, bitfield, metainfo, safe paths, creation; how numbers
// and text from outside are shown.
// Owns: the field's value types that all rooms share (piece, block, info hash, peer address).
// Never: reads a clock, a file or a socket; traps on bytes from outside.
// Invariants: every value that exists is valid; an initializer refuses the others.

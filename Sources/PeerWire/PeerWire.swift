// Room: PeerWire.
// Duty: peer bytes ⇄ messages: the handshake, frames and extension messages.
// Owns: the layout of every byte between two peers, and the limit of every incoming frame.
// Never: does I/O, reads a clock, keeps state beyond one unfinished frame, decides what a message means for a torrent.
// Invariants: no bytes trap; a decoder holds at most one unfinished frame, within its limit; a decoder that failed
// stays failed; once a read is consumed, nothing here refers to its buffer.

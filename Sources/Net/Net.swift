// Room: Net.
// Duty: sockets: dials and accepts peers, and carries requests to trackers and servers of .torrent files.
// Owns: channels, their options and time-outs; the bytes between a socket and a message.
// Never: decides what to send to a peer; keeps the state of a torrent; touches the payload or the database.
// Invariants: a connection is used on its event loop only; one read is one batch of messages; the answers to a batch
// leave in one write.

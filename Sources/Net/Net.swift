// Room: Net.
// Duty: sockets: connects to peers, accepts peers, and carries requests to trackers, to servers of .torrent files and
// to web seeds.
// Owns: channels, their options and timeouts; the bytes between a socket and a message.
// Never: decides what to send to a peer; keeps the state of a torrent; touches the payload or the database.
// Invariants: a connection is used only on its event loop; one read is one batch of messages; the replies to a batch
// are sent in one write.

// Room: Discovery.
// Duty: finds peers of public torrents on the local network (BEP 14): the datagrams' text, and when which is sent.
// Owns: the datagrams' text, the schedule of announces, and the limits of what is accepted.
// Never: opens a socket, reads a clock, uses randomness that its seed doesn't determine, or traps on bytes from
// outside.
// Invariants: a private torrent can't be named, because every announce takes a `PublicInfoHash`; nothing that arrives
// makes a collection grow.

import Torrent

extension PublicInfoHash {
    /// The hash as it is written in a datagram.
    var hexadecimal: String { Hex.encode(infoHash.bytes) }
}

import Bencode

/// The limits on messages of other nodes, and on ours.
package enum KRPCLimits {
    /// Longer datagrams are dropped unread. Nodes keep theirs below 1,400 bytes.
    package static let datagram = 2048
    /// Nesting and number of values: a message of 200 peers has about 220.
    static let bencode = Bencode.Limits(depth: 8, nodes: 500)
    /// Transaction ids of 1 to 16 bytes occur; longer ones than this are answered by nothing.
    static let transaction = 32
    /// Tokens of 4 to 20 bytes occur.
    static let token = 128
    /// The nodes of one answer, and family, that are read. Eight are usual, and 16 occur.
    static let nodes = 32
    /// The peers of one answer that are read.
    static let values = 256
    /// The bytes of an error's text that are kept.
    static let errorText = 128
    /// The bytes of a version that are kept: two letters and two bytes of number.
    static let version = 8
    /// Our datagrams are at most this long (BEP 32), so that they pass every network unfragmented.
    package static let sent = 1024
}

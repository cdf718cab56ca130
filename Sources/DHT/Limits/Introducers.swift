package import Torrent

/// Remembers which nodes told of others under ids that these don't have.
///
/// A node that wants to be found near a torrent names itself, or others, with made-up ids (libtorrent issue 792). The
/// id that a node answers with shows it, and those who told of too many such nodes aren't believed any more.
package struct Introducers {
    /// A host isn't believed after this many wrong ids, if they are more than a quarter of what it told.
    package static let mostWrong = 6
    /// The hosts that are remembered.
    static let capacity = 1024

    private struct Record {
        var right = 0
        var wrong = 0
    }

    private var records: [PeerAddress.Host: Record] = [:]

    package func isBelieved(_ host: PeerAddress.Host) -> Bool {
        guard let record = records[host.subscriber] else { return true }
        return record.wrong < Self.mostWrong || record.wrong * 4 <= record.right
    }

    package init() {}

    var unbelievedCount: Int { records.keys.count { !isBelieved($0) } }

    package mutating func told(by host: PeerAddress.Host, wasRight: Bool) {
        let host = host.subscriber
        if records[host] == nil, records.count >= Self.capacity {
            // Those with a clean record lose nothing by being forgotten.
            records = records.filter { $0.value.wrong > 0 }
            guard records.count < Self.capacity else { return }
        }
        if wasRight { records[host, default: Record()].right += 1 } else { records[host, default: Record()].wrong += 1 }
    }
}

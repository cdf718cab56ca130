package import Import
package import Store
import System
import SystemPackage
package import Torrent

/// What an import will do, or has done, with one torrent of another client.
package struct ImportItem: Sendable {
    package enum Verdict: Sendable, Equatable {
        case new
        /// The database has the torrent already, and keeps it as it is.
        case known(TorrentID)
        /// The torrent can't be imported: one sentence.
        case refused(String)
        /// Only the torrent's magnet link is known.
        case magnet
    }

    package let client: ForeignClient
    package var name: String
    package var infoHash: InfoHash?
    package var verdict: Verdict
    /// The folder that has the payload.
    package var output = ""
    package var isPaused = false
    /// What isn't carried over: noun phrases.
    package var omitted: [String] = []
    /// Whether the torrent is paused only because none of its files is there.
    var lacksFiles = false
    /// How sure it is that the payload is there.
    var rank = Rank.nothing
    /// The bytes of the payload that are there, by the sizes of the files.
    package var bytes: Int64 = 0
    /// The device that has the payload.
    var device: UInt64 = 0
    /// The number that the torrent got.
    package var id: TorrentID?

    /// The order of hashing. What is most likely to be whole comes first, so that it is uploaded first.
    enum Rank: Int, Comparable, Sendable {
        /// All files have their sizes, and those with a recorded time have it, and the client claimed all.
        case sizesAndTimes
        /// All files have their sizes, and the client claimed all.
        case sizesAndClaim
        /// All files have their sizes.
        case sizes
        /// Something is there.
        case something
        case nothing

        static func < (one: Self, other: Self) -> Bool { one.rawValue < other.rawValue }
    }

    init(_ client: ForeignClient, name: String, _ verdict: Verdict) {
        self.client = client
        self.name = name
        self.verdict = verdict
    }

    /// Why the torrent is paused although it wasn't, or why it isn't hashed: a sentence.
    package var note: String? {
        if case .magnet = verdict {
            return "its .torrent is missing, so its metadata is fetched from peers before its files are hashed; "
                + "if you have the .torrent, `pieces add` it"
        }
        if case .known = verdict { return nil }
        guard lacksFiles else { return nil }
        let sentence = "none of its files is in \(output.printable), so it is paused: mount the disk"
        guard let id else { return "\(sentence), or give the folder with --map" }
        return "\(sentence) and `pieces resume \(id)`, or use `pieces move \(id) DIR --found` if they are elsewhere"
    }

    /// What isn't carried over, in one line; `nil` if everything is.
    package var omission: String? { omitted.isEmpty ? nil : omitted.joined(separator: ", ") }
}

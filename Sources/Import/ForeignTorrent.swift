package import Torrent

/// What another client knows of one torrent. Values that it doesn't have are `nil` or empty.
package struct ForeignTorrent: Sendable, Equatable {
    /// The most peers that are taken over for one torrent.
    package static let maximumPeers = 30
    /// The most labels that are taken over for one torrent, and characters of each.
    package static let maximumLabels = 32
    package static let maximumLabelLength = 64

    /// The .torrent, byte for byte; `nil` if the client has only a magnet link.
    package var file: [UInt8]?
    package var infoHash: InfoHash?
    /// The name that the client shows.
    package var name: String?

    /// The folder that has the payload, or will have it once it is complete, as the client wrote it: a ``PathText``.
    /// The paths of files begin below it.
    package var folder: String?
    /// Folders that may have the payload now, the likeliest first; empty if it is only in ``folder``.
    package var currentFolders: [String] = []
    /// The torrent's own folder, if the client knows that one instead: for a torrent of several files.
    package var ownFolder: String?
    /// What the client appends to the names of incomplete files on the disk.
    package var incompleteSuffix: String?
    /// Files under other names than those of the .torrent, by file number: a path below ``folder``, or an absolute one.
    package var renamed: [Int: String] = [:]
    /// Another name of the torrent's root, if the client has no list of files.
    package var renamedRoot: String?
    /// Whether each file is wanted, by file number. Files that aren't listed are.
    package var wanted: [Int: Bool] = [:]
    /// The first of the files at the end that aren't wanted; `nil` if there are none.
    package var unwantedFrom: Int?

    package var isPaused = false
    package var isSequential = false
    package var labels: [String] = []
    /// Tiers of trackers in place of the .torrent's; `nil` if those hold.
    package var trackers: [[String]]?
    /// Web seeds in place of the .torrent's; `nil` if those hold.
    package var webSeeds: [String]?
    /// Bytes per second, more than 0.
    package var downloadLimit: Int64?
    package var uploadLimit: Int64?
    /// Connected peers, more than 0.
    package var peerLimit: Int?
    package var seedGoal = ForeignSeedGoal.standard

    package var downloadedBytes: Int64 = 0
    package var uploadedBytes: Int64 = 0
    package var wastedBytes: Int64 = 0
    package var addedAt: Timestamp?
    package var completedAt: Timestamp?
    /// The time for which the torrent was complete and seeding.
    package var seedTime = Duration.zero
    /// The torrent's place in the client's queue, from 0.
    package var queuePlace: Int?
    package var peers: [PeerAddress] = []
    package var bannedPeers: [PeerAddress] = []

    package var claim = ForeignClaim()
    /// What the client has and this value doesn't: noun phrases.
    package var omitted: [String] = []

    package init() {}

    /// Adds labels without repetition; blank ones and characters that can't be shown are left out.
    mutating func add(labels new: some Sequence<String>) {
        for label in new {
            let text = String(label.printable.prefix(Self.maximumLabelLength)).trimmed
            guard !text.isEmpty, !labels.contains(text) else { continue }
            guard labels.count < Self.maximumLabels else {
                return omit("labels beyond the first \(Self.maximumLabels)")
            }
            labels.append(text)
        }
    }

    /// Notes something that isn't taken over.
    mutating func omit(_ phrase: String) { if !omitted.contains(phrase) { omitted.append(phrase) } }
}

/// When another client ends the seeding of a torrent.
package enum ForeignSeedGoal: Sendable, Hashable {
    /// As its settings for all torrents say.
    case standard
    case forever
    case ratio(Double)
    case time(Duration)
}

extension String {
    /// The text without blanks around it.
    var trimmed: String {
        var text = self[...]
        while text.first?.isWhitespace == true { text.removeFirst() }
        while text.last?.isWhitespace == true { text.removeLast() }
        return String(text)
    }
}

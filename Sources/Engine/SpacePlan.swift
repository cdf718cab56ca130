import Store
import SystemPackage
import Torrent

/// Which torrents wait for space, and what active downloads still need of the space that is free.
///
/// A torrent starts if what it lacks on the disk fits into what is free, less the volume's reserve and less what other
/// downloads there will still use.
package struct SpacePlan: Sendable {
    /// How often the free space is compared with what waiting torrents need.
    static let lookAgainAfter = Duration.seconds(5)

    /// What a torrent needs of a volume.
    package struct Need: Equatable, Sendable {
        /// The device of the volume.
        package let device: UInt64
        package let bytes: Int64

        package init(device: UInt64, bytes: Int64) {
            self.device = device
            self.bytes = bytes
        }
    }

    /// The space of a volume, in bytes.
    package struct Room: Equatable, Sendable {
        package let free: Int64
        package let reserve: Int64
        /// What active downloads still need.
        package let promised: Int64

        package init(free: Int64, reserve: Int64, promised: Int64) {
            self.free = free
            self.reserve = reserve
            self.promised = promised
        }

        /// What a new download may use; negative if too much is used already.
        package var usable: Int64 { free - reserve - promised }

        /// Why so many bytes don't fit; `nil` if they do.
        package func shortage(of bytes: Int64, in folder: String) -> String? {
            guard bytes > 0, bytes > usable else { return nil }
            var parts: [String] = []
            if reserve > 0 { parts.append("\(Format.bytes(reserve)) of that in reserve") }
            if promised > 0 { parts.append("\(Format.bytes(promised)) of that promised to other downloads") }
            let rest = parts.isEmpty ? "" : ", \(parts.joined(separator: " and ")),"
            return
                "waits for space: \(Format.bytes(bytes)) are missing, and \(folder) had only \(Format.bytes(free)) free\(rest) "
                + "when the torrent was to start; the download starts by itself when there is room"
        }
    }

    /// A torrent that waits.
    struct Waiting: Equatable, Sendable {
        let bytes: Int64
        let folder: FilePath
        /// Why it waits, in one sentence.
        let reason: String
    }

    /// Torrents that are being activated, and what they will need.
    var promises: [TorrentID: Need] = [:]
    var waiting: [TorrentID: Waiting] = [:]
    /// The folders whose space is being looked at.
    var looks: Set<FilePath> = []

    package init() {}
}

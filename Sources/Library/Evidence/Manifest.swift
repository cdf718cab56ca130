package import Store
package import Torrent
import Verification

/// The SHA-256 of the verified files of torrents.
package struct Manifest: Sendable {
    /// A file whose pieces are all recorded as present.
    package struct Entry: Sendable {
        /// The path below the output folder.
        package let path: String
        package let length: Int64
        package let sha256: SHA256Digest
        /// When the bytes were last read from end to end; `nil` for a file without bytes.
        package let readAt: Timestamp?
    }

    /// One torrent.
    package struct Part: Sendable {
        package let torrent: TorrentRow
        package var entries: [Entry] = []
        /// Complete files whose SHA-256 isn't recorded.
        package var withoutDigest: [String] = []
        /// Wanted files that aren't complete.
        package var incomplete: [String] = []
        /// Why nothing is known of the files, in one sentence.
        package var problem: String?

        package var isWhole: Bool { withoutDigest.isEmpty && incomplete.isEmpty && problem == nil }
    }

    package let parts: [Part]

    /// The output folder, if all torrents have the same.
    package var folder: String? {
        guard let first = parts.first?.torrent.output else { return nil }
        return parts.allSatisfy { PathText.isSame($0.torrent.output, first) } ? first : nil
    }

    package var entryCount: Int { parts.reduce(0) { $0 + $1.entries.count } }
    package var bytes: Int64 { parts.reduce(0) { $0 + $1.entries.reduce(0) { $0 + $1.length } } }
}

extension Library {
    /// The SHA-256 of the verified files of torrents, as a verification recorded it. Reads only the database.
    package func manifest(of choice: TorrentChoice) throws -> Manifest {
        Manifest(parts: try connection.findTorrents(choice).map { try part($0) })
    }

    private func part(_ torrent: TorrentRow) throws -> Manifest.Part {
        var part = Manifest.Part(torrent: torrent)
        let stored: StoredTorrent
        do { stored = try StoredTorrent(torrent, connection) } catch let error as UnusableTorrent {
            part.problem = "\(error)"
            return part
        }
        let (metainfo, digests) = (stored.metainfo, try connection.digests.rows(of: torrent.id))
        for file in metainfo.layout.files where stored.selection.wanted[file.index] {
            let pieces = metainfo.layout.pieces(of: file.index, geometry: metainfo.geometry)
            // A file without bytes has no piece, and is made with the folder.
            let isPresent = file.isEmpty ? torrent.isRootSeen : pieces.allSatisfy { stored.have[$0] }
            if !isPresent {
                part.incomplete.append(file.displayPath)
            } else if file.isEmpty {
                part.entries.append(
                    Manifest.Entry(path: file.displayPath, length: 0, sha256: SHA256.hash([]), readAt: nil))
            } else if let digest = digests[file.index] {
                part.entries.append(
                    Manifest.Entry(
                        path: file.displayPath, length: file.length, sha256: digest.sha256, readAt: digest.readAt))
            } else {
                part.withoutDigest.append(file.displayPath)
            }
        }
        return part
    }
}

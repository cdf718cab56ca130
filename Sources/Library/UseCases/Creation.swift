import Disk
import Engine
import Store
import SystemPackage
import Torrent

/// Creates a .torrent from a file or folder.
package struct Creation {
    /// The contents of the .torrent apart from the files.
    package struct Details {
        /// The announce URLs of each tier.
        package var trackers: [[String]] = []
        package var webSeeds: [String] = []
        package var isPrivate = false
        package var comment: String?
        package var source: String?
        /// Whether to omit the creation date and the name of this program.
        package var isAnonymous = false

        package init() {}
    }

    /// The hashes of the content.
    package struct Hashed {
        fileprivate let files: HashedFiles
        fileprivate let pieceLength: Int
    }

    package let content: ContentScan

    /// Scans the files.
    package init(of path: String, followingLinks: Bool = false) throws {
        content = try ContentScan(try NewFile.absolute(path), followingLinks: followingLinks)
    }

    /// Hashes the files. Without a piece length, a suitable one is chosen. `progress` receives the bytes hashed since
    /// its last call, and is called on several threads at once.
    package func hash(pieceLength: Int?, progress: @escaping @Sendable (Int) -> Void) async throws -> Hashed {
        let length = pieceLength ?? TorrentBuilder.sensiblePieceLength(totalBytes: content.totalBytes)
        let files = try await Disk().hashFiles(content.files.map(\.path), pieceLength: length, progress: progress)
        return Hashed(files: files, pieceLength: length)
    }

    /// The bytes of the .torrent.
    package func torrentFile(_ hashed: Hashed, _ details: Details) throws -> [UInt8] {
        var builder = TorrentBuilder(
            name: content.name, content: content.content(lengths: hashed.files.lengths),
            pieceLength: hashed.pieceLength, pieceHashes: hashed.files.pieceHashes)
        builder.trackers = details.trackers
        builder.webSeeds = details.webSeeds
        builder.isPrivate = details.isPrivate
        builder.comment = details.comment
        builder.source = details.source
        builder.createdBy = details.isAnonymous ? nil : "pieces \(Program.version)"
        builder.creationDate = details.isAnonymous ? nil : Timestamp.now().rawValue
        return try builder.build()
    }
}

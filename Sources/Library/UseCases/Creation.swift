import Disk
import Engine
import Store
import SystemPackage
import Torrent

/// Makes a .torrent of a file or of a folder.
package struct Creation {
    /// What the .torrent says beside the content.
    package struct Details {
        /// Each tier's addresses.
        package var trackers: [[String]] = []
        package var webSeeds: [String] = []
        package var isPrivate = false
        package var comment: String?
        package var source: String?
        /// Whether it says not when and by what it was made.
        package var isAnonymous = false

        package init() {}
    }

    /// Content that was hashed.
    package struct Hashed {
        fileprivate let files: HashedFiles
        fileprivate let pieceLength: Int
    }

    package let content: ContentScan

    /// Looks for the files.
    package init(of path: String) throws { content = try ContentScan(try NewFile.absolute(path)) }

    /// Hashes the files; without a length of pieces, a sensible one is chosen. `progress` gets the bytes hashed since
    /// its last call, on several threads at once.
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

package import SystemPackage
import Torrent

/// The reason why a finished database is about to take the place of an older one. The raw value is the end of its name
/// until then.
package enum Replacement: String, CaseIterable, Sendable {
    case recovered = "mended"
    case restored

    /// The name of the finished database until it takes its place.
    package func marker(of database: FilePath) -> FilePath { database.extended(by: "." + rawValue) }

    /// Whether a replacement was interrupted when the older database may already have been renamed.
    package static func isUnderWay(_ database: FilePath) -> Bool {
        let database = DatabaseFile.resolved(database)
        return allCases.contains { DatabaseFile.exists($0.marker(of: database)) }
    }
}

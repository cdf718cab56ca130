import Store
package import Torrent

/// The checks of `pieces doctor`.
extension Library {
    /// Checks everything that a healthy engine needs, and changes nothing.
    package func checkUp(now: Timestamp) async throws -> [Diagnosis] { try await Checkup(self, now: now).run() }
}

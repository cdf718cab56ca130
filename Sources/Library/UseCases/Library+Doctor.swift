import Store

/// Whether all that an engine needs is as it should be.
extension Library {
    /// Looks at everything that a healthy engine needs, and changes nothing.
    package func checkUp(now: Timestamp) async throws -> [Diagnosis] { try await Checkup(self, now: now).run() }
}

/// What a sync made durable, and what it failed to.
package struct SyncReport: Sendable, Hashable {
    package struct Failure: Error, Hashable, Sendable {
        package let file: PayloadFile
        package let error: DiskError
        /// Whether the data written to the file since the previous sync may be lost, so that its pieces have to be
        /// rechecked. If not, the next sync retries.
        package let isLost: Bool
    }

    package init() {}

    /// The files whose writes before the sync are durable, along with the directories that name them.
    package var durable: [FoundFile] = []
    package var failures: [Failure] = []
    /// Files that were created since the previous sync: earlier records of their content are wrong.
    package var created: [PayloadFile] = []
    /// Why the folder as a whole could not be synced. ``durable`` is then empty, and the next sync retries.
    package var folderError: DiskError?

    package var isComplete: Bool { failures.isEmpty && folderError == nil }

    /// Throws the first error.
    package func requireSuccess() throws(DiskError) {
        if let error = folderError ?? failures.first?.error { throw error }
    }
}

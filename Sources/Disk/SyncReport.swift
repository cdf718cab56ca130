/// What a sync made durable, and what it could not.
package struct SyncReport: Sendable, Hashable {
    package struct Failure: Error, Hashable, Sendable {
        package let file: PayloadFile
        package let error: DiskError
        /// Whether what was written to the file since the sync before is to be doubted: those pieces have to be read
        /// again. Otherwise the next sync tries again.
        package let isLost: Bool
    }

    /// The files whose writes before the sync are durable, with the directories that name them.
    package var durable: [Fingerprint] = []
    package var failures: [Failure] = []
    /// Files that were made since the sync before: what was believed to be in them is not.
    package var created: [PayloadFile] = []
    /// Why the folder as a whole could not be synced; then nothing is in ``durable``, and the next sync tries again.
    package var folderError: DiskError?

    package var isComplete: Bool { failures.isEmpty && folderError == nil }

    /// Throws the first error.
    package func requireSuccess() throws(DiskError) {
        if let error = folderError ?? failures.first?.error { throw error }
    }
}

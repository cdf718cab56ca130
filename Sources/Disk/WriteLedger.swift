import Synchronization
import SystemPackage
import Torrent

/// Records what was written to one torrent's files since the last sync, and which files may be written.
final class WriteLedger: Sendable {
    /// The work of one sync.
    struct Work: Sendable {
        var files: Set<PayloadFile> = []
        /// Directories below the output folder whose names lead to written files; the empty path is the folder itself.
        var directories: Set<[FileName]> = []
        /// Directories above the output folder whose names lead to it.
        var ancestors: Set<FilePath> = []
        /// Files that had a descriptor whose close failed: the data written to them may be lost.
        var lost: [PayloadFile: Errno] = [:]
        /// Files that were created.
        var created: Set<PayloadFile> = []

        var isEmpty: Bool {
            files.isEmpty && directories.isEmpty && ancestors.isEmpty && lost.isEmpty && created.isEmpty
        }
    }

    private struct State {
        var work = Work()
        var identities: [PayloadFile: FileIdentity] = [:]
        /// Every file that was created in this run, including one that could not be written to afterwards.
        var made: Set<PayloadFile> = []
        /// Files that existed before and may be written to.
        var admitted: [PayloadFile: FileIdentity] = [:]
        var volume = VolumeWitness.unasked
    }

    /// A descriptor of the file system, which receives every write error since it was opened and reports each once
    /// (syncfs(2)).
    enum VolumeWitness: Sendable {
        case unasked
        /// The witness has existed since before the first file was opened for writing.
        case present(SharedDirectory)
        /// No witness: it could not be opened when the first write may have failed, a sync is using it, or it reported
        /// a failure, which may concern a file that a later sync covers.
        case missing
    }

    private let state = Mutex(State())
    let cachedWrites = CachedWrites()
    /// Held from before a file is created until its identity is known, so that a second thread that finds the file
    /// doesn't take it for another program's.
    let creation = Mutex(())

    /// Records that bytes of the file were written. Call it after the write and before reporting the write, so that no
    /// later sync can miss it.
    func wrote(_ file: PayloadFile) {
        state.withLock { _ = $0.work.files.insert(file) }
    }

    /// Records that the file was opened for writing. `false` when a different file was written at its path before.
    func opened(_ file: PayloadFile, _ identity: FileIdentity) -> Bool {
        state.withLock { state in
            if let known = state.identities[file] { return known == identity }
            state.identities[file] = identity
            return true
        }
    }

    /// Allows writes to the file, which existed before, as long as it has this identity.
    func admit(_ file: PayloadFile, _ identity: FileIdentity) {
        state.withLock { $0.admitted[file] = identity }
    }

    /// Whether the file was created in this run, but its identity is not known yet.
    func hasMadeUnseen(_ file: PayloadFile) -> Bool {
        state.withLock { $0.made.contains(file) && $0.identities[file] == nil && $0.admitted[file] == nil }
    }

    /// Whether a file that was not created in this run may be written to.
    func admits(_ file: PayloadFile, _ identity: FileIdentity) -> Bool {
        state.withLock { $0.admitted[file] == identity || $0.identities[file] == identity }
    }

    /// Opens the witness, before anything is written.
    func watchVolume(_ open: () -> SharedDirectory?) {
        state.withLock { state in
            if case .unasked = state.volume { state.volume = open().map { .present($0) } ?? .missing }
        }
    }

    /// Takes the witness to sync through it. The caller gives it back if no error was reported; otherwise there is none
    /// any more.
    func takeVolumeWitness() -> SharedDirectory? {
        state.withLock { state in
            guard case .present(let witness) = state.volume else { return nil }
            state.volume = .missing
            return witness
        }
    }

    func giveBack(_ witness: SharedDirectory) {
        state.withLock { $0.volume = .present(witness) }
    }

    /// The identity of the file that is written, if it was opened in this run.
    func identity(of file: PayloadFile) -> FileIdentity? {
        state.withLock { $0.identities[file] }
    }

    /// Every file that was created or opened for writing in this run.
    var writtenFiles: Set<PayloadFile> { state.withLock { $0.made.union($0.identities.keys) } }

    func created(_ file: PayloadFile) {
        state.withLock { state in
            state.made.insert(file)
            state.work.files.insert(file)
            state.work.created.insert(file)
        }
    }

    /// The same as ``changed(directories:ancestors:)`` for the directories that lead to a file in `parent`.
    /// `directories` is called only when they aren't recorded yet.
    func changed(parent: [FileName], _ directories: () -> Set<[FileName]>) {
        state.withLock { state in
            // Every call that records a directory also records its parents.
            guard !state.work.directories.contains(parent) else { return }
            state.work.directories.formUnion(directories())
        }
    }

    func changed(directories: Set<[FileName]>, ancestors: Set<FilePath> = []) {
        guard !directories.isEmpty || !ancestors.isEmpty else { return }
        state.withLock { state in
            state.work.directories.formUnion(directories)
            state.work.ancestors.formUnion(ancestors)
        }
    }

    func closeFailed(_ file: PayloadFile, _ error: Errno) {
        state.withLock { $0.work.lost[file] = error }
    }

    /// Takes the recorded work for a sync. Later writes are for the next sync.
    func take() -> Work {
        state.withLock { state in
            let work = state.work
            state.work = Work()
            return work
        }
    }

    /// Puts back the work that a sync could not do.
    func putBack(_ work: Work) {
        state.withLock { state in
            state.work.files.formUnion(work.files)
            state.work.directories.formUnion(work.directories)
            state.work.ancestors.formUnion(work.ancestors)
            state.work.created.formUnion(work.created)
            state.work.lost.merge(work.lost) { new, _ in new }
        }
    }
}

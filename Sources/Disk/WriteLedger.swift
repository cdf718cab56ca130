import Synchronization
import SystemPackage
import Torrent

/// What was written to one torrent's files since the last sync, and to which files.
final class WriteLedger: Sendable {
    /// What a sync has to do.
    struct Work: Sendable {
        var files: Set<PayloadFile> = []
        /// Directories below the output folder whose names lead to files that were written; no component is the folder
        /// itself.
        var directories: Set<[FileName]> = []
        /// Directories above the output folder whose names lead to it.
        var ancestors: Set<FilePath> = []
        /// Files of which a descriptor could not be closed: what was written to them may be lost.
        var lost: [PayloadFile: Errno] = [:]
        /// Files that were made.
        var created: Set<PayloadFile> = []

        var isEmpty: Bool {
            files.isEmpty && directories.isEmpty && ancestors.isEmpty && lost.isEmpty && created.isEmpty
        }
    }

    private struct State {
        var work = Work()
        var identities: [PayloadFile: FileIdentity] = [:]
        /// Every file that was made in this run, also one that could not be written to after.
        var made: Set<PayloadFile> = []
        /// Files that were there before, and may be written to.
        var admitted: [PayloadFile: FileIdentity] = [:]
        var volume = VolumeWitness.unasked
    }

    /// A descriptor of the file system that hears of all that fails there since it was opened, and tells it once
    /// (syncfs(2)).
    enum VolumeWitness: Sendable {
        case unasked
        /// Since before the first file was opened for writing.
        case present(SharedDirectory)
        /// There was none when the first write may have failed; a sync asks it just now; or it told of a failure, which
        /// may have been that of a file whose turn comes with a later sync.
        case missing
    }

    private let state = Mutex(State())
    let cachedWrites = CachedWrites()
    /// Held from before a file is created until it is known which one it is: a second thread that finds it there must
    /// not take it for somebody else's.
    let creation = Mutex(())

    /// Bytes of the file were written: called after the write and before anyone hears of it, so that no sync that
    /// follows can miss them.
    func wrote(_ file: PayloadFile) {
        state.withLock { _ = $0.work.files.insert(file) }
    }

    /// The file was opened for writing; `false` when another file was written at its path before.
    func opened(_ file: PayloadFile, _ identity: FileIdentity) -> Bool {
        state.withLock { state in
            if let known = state.identities[file] { return known == identity }
            state.identities[file] = identity
            return true
        }
    }

    /// The file was there before, and may be written to as long as it is this one.
    func admit(_ file: PayloadFile, _ identity: FileIdentity) {
        state.withLock { $0.admitted[file] = identity }
    }

    /// Whether the file was made in this run, and the system has not said yet which one it is.
    func hasMadeUnseen(_ file: PayloadFile) -> Bool {
        state.withLock { $0.made.contains(file) && $0.identities[file] == nil && $0.admitted[file] == nil }
    }

    /// Whether the file, which was not created in this run, may be written to.
    func admits(_ file: PayloadFile, _ identity: FileIdentity) -> Bool {
        state.withLock { $0.admitted[file] == identity || $0.identities[file] == identity }
    }

    /// Makes the witness, before anything is written.
    func watchVolume(_ open: () -> SharedDirectory?) {
        state.withLock { state in
            if case .unasked = state.volume { state.volume = open().map { .present($0) } ?? .missing }
        }
    }

    /// Takes the witness to ask it. Who was told of nothing gives it back; else there is none any more.
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

    /// The file that is written, when one was opened in this run.
    func identity(of file: PayloadFile) -> FileIdentity? {
        state.withLock { $0.identities[file] }
    }

    /// Every file that was made or opened for writing in this run.
    var writtenFiles: Set<PayloadFile> { state.withLock { $0.made.union($0.identities.keys) } }

    func created(_ file: PayloadFile) {
        state.withLock { state in
            state.made.insert(file)
            state.work.files.insert(file)
            state.work.created.insert(file)
        }
    }

    /// As ``changed(directories:ancestors:)`` for the directories that lead to a file in `parent`: they are only asked
    /// for when they aren't known.
    func changed(parent: [FileName], _ directories: () -> Set<[FileName]>) {
        state.withLock { state in
            // Whoever put it there put those above it there, too.
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

    /// Takes what is to be synced. What is written from now on is for the next sync.
    func take() -> Work {
        state.withLock { state in
            let work = state.work
            state.work = Work()
            return work
        }
    }

    /// Gives back what a sync could not reach.
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

/// What a scrub saw of one piece that it read.
package struct ScrubEvidence: Sendable, Hashable {
    /// The state of the piece's files compared with the record of their last sync.
    package enum Files: Sendable, Hashable, CaseIterable {
        /// All of them are as they were left, or were written by this engine since.
        case same
        /// One of them has another time, inode or size, or there is no record of it.
        case differ
        /// One of them has another length than the torrent says, so that the piece can't be whole.
        case otherLength
        /// One of them is being written by this engine, so that its state says nothing yet.
        case beingWritten
        /// One of them doesn't exist, although its folder and its disk do.
        case gone
    }

    /// The result of reading and hashing the piece.
    package enum Reading: Sendable, Hashable, CaseIterable {
        case good, bad
        /// A file ends before the piece.
        case short
        /// The device reported an error (`EIO`).
        case unreadable
        /// The piece could not be read for a reason that says nothing about it, such as a lack of memory.
        case failed
    }

    package var files: Files
    package var first: Reading
    /// The second reading, past all caches; `nil` if there was none.
    package var second: Reading?

    package init(files: Files, first: Reading, second: Reading? = nil) {
        self.files = files
        self.first = first
        self.second = second
    }
}

/// What follows from the evidence.
package enum ScrubVerdict: Sendable, Hashable {
    case good
    /// The piece must be read once more, past all caches.
    case readAgain
    /// The piece was bad once and is good now: memory or a cable, not the disk.
    case transient
    /// The bytes on the disk changed, and no program wrote to the file.
    case rot
    /// The device can't read the piece.
    case unreadable
    /// The piece is right; its file only got another time or inode.
    case touched
    /// Another program changed the file: its bytes are kept.
    case edit
    case missing
    /// Nothing can be said: the piece stays as old as it was.
    case unknown

    /// The table of the design.
    package init(_ evidence: ScrubEvidence) {
        switch (evidence.files, evidence.second ?? evidence.first) {
        case (.gone, _): self = .missing
        case (_, .failed): self = .unknown
        case (.beingWritten, let reading): self = reading == .good ? .good : .unknown
        case (.same, .good): self = evidence.first == .good ? .good : .transient
        case (.same, .bad), (.same, .short): self = evidence.second == nil ? .readAgain : .rot
        case (_, .unreadable): self = evidence.second == nil ? .readAgain : .unreadable
        case (.differ, .good), (.otherLength, .good): self = evidence.first == .good ? .touched : .transient
        case (.differ, .bad), (.differ, .short), (.otherLength, .bad), (.otherLength, .short):
            // A changed file is no reason to doubt the memory, but a wrong verdict would take the piece from peers.
            self = evidence.second == nil ? .readAgain : .edit
        }
    }
}

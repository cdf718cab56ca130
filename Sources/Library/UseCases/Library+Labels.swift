package import Store
import Torrent

/// Labels and notes: what the user says about torrents. An engine uses only the labels, and only to find
/// the period of a scrub.
extension Library {
    /// A change of labels. Removals are made first.
    package struct LabelChange: Sendable {
        package var added: [String] = []
        package var removed: [String] = []

        package init() {}

        package var isEmpty: Bool { added.isEmpty && removed.isEmpty }

        /// Reads `+NAME` or `-NAME`. Returns `false` for any other word, and throws if NAME can't be a label.
        package mutating func add(_ word: String) throws(Failure) -> Bool {
            guard let sign = word.first, sign == "+" || sign == "-" else { return false }
            let name = try Library.labelName(String(word.dropFirst()))
            guard sign == "+" else {
                removed.append(name)
                return true
            }
            // A list of labels is printed with commas. A stored label with one can still be used, and removed.
            guard !name.contains(",") else {
                throw Failure.usage(
                    "“\(name.printable)” can't be a label, because commas separate labels in lists: give one +NAME for "
                        + "each label")
            }
            added.append(name)
            return true
        }
    }

    /// A torrent and its labels.
    package struct Labelled: Sendable {
        package let torrent: TorrentRow
        /// In the order of their bytes.
        package let labels: [String]
    }

    /// The torrents that have every one of these labels, ordered by number. Throws if no torrent has one of them,
    /// because a mistyped label must not silently choose nothing.
    package func torrents(labelled names: [String]) throws -> [TorrentRow] {
        try connection.findTorrents(TorrentChoice.labelled(names, among: []))
    }

    /// All labels, with the number of torrents that have each.
    package func labels() throws(StoreError) -> [LabelCount] { try connection.labels.counts() }

    /// Changes the labels of torrents, and returns them with their labels.
    package func label(_ choice: TorrentChoice, _ change: LabelChange) throws -> [Labelled] {
        let torrents = try connection.findTorrents(choice)
        guard !change.isEmpty else { return try torrents.map { try labelled($0) } }
        return try connection.transaction { () throws(StoreError) in
            var result: [Labelled] = []
            for torrent in torrents {
                for name in change.removed { try connection.labels.remove(name, from: torrent.id) }
                for name in change.added { try connection.labels.add(name, to: torrent.id) }
                let labelled = try labelled(torrent)
                guard labelled.labels.count <= LabelName.maximumCount else {
                    throw StoreError(
                        .other, path: "",
                        "\(torrent.name.printable) would have \(labelled.labels.count) labels, and "
                            + "\(LabelName.maximumCount) is the most: remove some with `pieces label \(torrent.id) -NAME`"
                    )
                }
                result.append(labelled)
            }
            return result
        }
    }

    private func labelled(_ torrent: TorrentRow) throws(StoreError) -> Labelled {
        Labelled(torrent: torrent, labels: try connection.labels.names(of: torrent.id))
    }

    /// The name as a label has it.
    package static func labelName(_ text: String) throws(Failure) -> String {
        guard let name = LabelName.checked(text) else {
            throw Failure.usage(
                "“\(text.printable)” can't be a label: use 1 to \(LabelName.maximumBytes) bytes of printable text")
        }
        return name
    }

    /// The note about a torrent; `nil` if there is none.
    package func note(of name: String) throws(StoreError) -> (torrent: TorrentRow, note: NoteRow?) {
        let torrent = try connection.torrents.find(name)
        return (torrent, try connection.notes.row(of: torrent.id))
    }

    /// Replaces the notes about torrents; a text without visible characters deletes them.
    package func setNote(_ names: [String], _ text: String) throws -> [TorrentRow] {
        guard text.count <= NoteRow.maximumLength else {
            throw Failure.usage(
                "the note has \(Format.count(text.count)) characters, and \(Format.count(NoteRow.maximumLength)) is the most"
            )
        }
        guard !text.unicodeScalars.contains("\0") else {
            throw Failure.usage("the note contains a zero byte: give plain text")
        }
        let isEmpty = text.allSatisfy(\.isWhitespace)
        let torrents = try connection.findTorrents(names)
        try connection.transaction { () throws(StoreError) in
            for torrent in torrents { try connection.notes.set(torrent.id, isEmpty ? nil : text, now: .now()) }
        }
        return torrents
    }
}

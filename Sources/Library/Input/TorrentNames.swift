package import Store
import Torrent

/// The torrents that a use case works on.
package enum TorrentChoice: Sendable, ExpressibleByArrayLiteral {
    case all
    /// Numbers, first digits of info hashes, names, first letters of names, or globs of names.
    case named([String])
    /// The torrents that have every one of the labels: of all torrents, or of those named if there are names.
    case labelled([String], among: [String])

    /// The choice of a command that takes names and labels; labels narrow the choice.
    package init(_ names: [String], labels: [String]) {
        self = labels.isEmpty ? .named(names) : .labelled(labels, among: names)
    }

    package init(arrayLiteral names: String...) { self = .named(names) }
}

extension Connection {
    /// Returns the torrents with these names without duplicates. A glob may match several. Throws if one matches none.
    func findTorrents(_ names: [String]) throws(StoreError) -> [TorrentRow] {
        var seen: Set<TorrentID> = []
        var found: [TorrentRow] = []
        for name in names {
            for row in try torrents.findAll(name) where seen.insert(row.id).inserted { found.append(row) }
        }
        return found
    }

    /// Returns the chosen torrents without duplicates.
    func findTorrents(_ choice: TorrentChoice) throws(StoreError) -> [TorrentRow] {
        switch choice {
        case .all: try torrents.rows()
        case .named(let names): try findTorrents(names)
        case .labelled(let labels, let names): try findTorrents(labelled: labels, among: names)
        }
    }

    /// Throws if no torrent has the label: a mistyped label must not silently choose nothing.
    func requireLabel(_ label: String) throws(StoreError) {
        guard try !labels.exists(label) else { return }
        throw StoreError(
            .notFound, path: "", "no torrent has the label “\(label.printable)”: `pieces label` lists all labels")
    }

    /// Returns the torrents that have every one of the labels, ordered by number, or in the order of the names. Throws
    /// if no torrent at all has one of the labels.
    private func findTorrents(labelled labels: [String], among names: [String]) throws(StoreError) -> [TorrentRow] {
        for label in labels { try requireLabel(label) }
        let ids = try self.labels.torrents(with: labels)
        guard names.isEmpty else {
            let chosen = Set(ids)
            return try findTorrents(names).filter { chosen.contains($0.id) }
        }
        var found: [TorrentRow] = []
        for id in ids { if let row = try torrents.row(id) { found.append(row) } }
        return found
    }
}

extension Library {
    /// The most names that are offered for completion.
    private static let completedNames = 500
    /// The most numbers that are offered for completion.
    private static let completedNumbers = 50

    /// The names of torrents that begin with the text, for the completion of a shell.
    package func names(beginning text: String) throws(StoreError) -> [String] {
        try connection.torrents.names(beginning: text, limit: Self.completedNames)
    }

    /// The numbers of torrents that begin with these digits; none without a digit, because names say more.
    package func numbers(beginning digits: String) throws(StoreError) -> [TorrentID] {
        try connection.torrents.numbers(beginning: digits, limit: Self.completedNumbers)
    }
}

import Store

/// The user's options for torrents; options that weren't given are `nil` or empty.
package struct AddOptions {
    let output: String?
    /// The folder of new torrents if none was given; `nil` means the current folder.
    let standardOutput: String?
    /// The folder in which new torrents are downloaded until they are complete; `nil` for their own.
    let incompleteFolder: String?
    /// The patterns that select the wanted files.
    package let patterns: [String]
    let isSequential: Bool
    let allocatesFull: Bool
    let limits: LimitChange
    /// Whether existing files that don't belong to the torrent may be overwritten.
    let mayOverwrite: Bool
    /// Whether the torrents super-seed.
    let superSeeds: Bool?
    /// Whether the files are only read.
    let isReadOnly: Bool

    package init(
        output: String?, standardOutput: String? = nil, incompleteFolder: String? = nil, patterns: [String] = [],
        isSequential: Bool = false, allocatesFull: Bool = false,
        limits: LimitChange = LimitChange(), mayOverwrite: Bool = false, superSeeds: Bool? = nil,
        isReadOnly: Bool = false
    ) {
        self.output = output
        self.standardOutput = standardOutput
        self.incompleteFolder = incompleteFolder
        self.patterns = patterns
        self.isSequential = isSequential
        self.allocatesFull = allocatesFull
        self.limits = limits
        self.mayOverwrite = mayOverwrite
        self.superSeeds = superSeeds
        self.isReadOnly = isReadOnly
    }

    /// Changes the settings of a new or known torrent as the options say. Options that weren't given change nothing.
    func apply(to settings: inout TorrentSettings, isNew: Bool) {
        if isSequential { settings.isSequential = true }
        // A known torrent keeps its way of allocation: its files may be there already.
        if isNew { settings.allocatesFull = allocatesFull }
        if isReadOnly { settings.isReadOnly = true }
        if let superSeeds { settings.superSeeds = superSeeds }
        settings.limits = limits.applied(to: settings.limits)
    }
}

import Store

/// What is wanted of a torrent; what was not said is `nil` or empty.
package struct AddOptions {
    let output: String?
    /// Of the files that are wanted.
    package let patterns: [String]
    let isSequential: Bool
    let allocatesFull: Bool
    let limits: LimitChange
    /// Whether files that aren't the torrent's may be overwritten.
    let mayOverwrite: Bool

    package init(
        output: String?, patterns: [String] = [], isSequential: Bool = false, allocatesFull: Bool = false,
        limits: LimitChange = LimitChange(), mayOverwrite: Bool = false
    ) {
        self.output = output
        self.patterns = patterns
        self.isSequential = isSequential
        self.allocatesFull = allocatesFull
        self.limits = limits
        self.mayOverwrite = mayOverwrite
    }

    /// The settings of a new torrent.
    var newSettings: TorrentSettings {
        var settings = TorrentSettings()
        settings.isSequential = isSequential
        settings.allocatesFull = allocatesFull
        settings.limits = limits.applied(to: TorrentLimits())
        return settings
    }
}

import Library
import Logging
import Store
import Torrent

/// Prints the log messages of the rooms below on standard error.
struct TerminalLog: LogHandler {
    var logLevel: Logger.Level
    var metadata: Logger.Metadata = [:]

    /// Installs the handler; call this once, before the first logger is created.
    static func install(_ level: LogLevel) {
        LoggingSystem.bootstrap { _ in TerminalLog(logLevel: level.level) }
    }

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
        let all = metadata.merging(event.metadata ?? [:]) { _, new in new }
        let context =
            all.isEmpty
            ? "" : " (" + all.sorted { $0.key < $1.key }.map { "\($0.key) \($0.value)" }.joined(separator: ", ") + ")"
        let line = "pieces: \(event.level): \(event.message)\(context)"
        // Verbose logs include the time.
        Terminal.shared.hint((logLevel < .notice ? "\(Format.moment(.now())) \(line)" : line).printable)
    }
}

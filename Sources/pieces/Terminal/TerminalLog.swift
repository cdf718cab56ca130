import Glibc
import Library
import Logging
import Store
import Torrent

/// What the rooms below log, as lines of the standard error stream.
struct TerminalLog: LogHandler {
    var logLevel: Logger.Level
    var metadata: Logger.Metadata = [:]

    /// To be called once, before the first logger is made.
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
        // Whoever asks for more wants to know when.
        Terminal.shared.hint((logLevel < .notice ? "\(Format.moment(.now())) \(line)" : line).printable)
    }
}

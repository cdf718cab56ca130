package import Torrent

extension Format {
    /// Formats how much of something is there: `292 MiB of 600 MiB`. If both would look alike although something is
    /// missing, the text says how much: `512 KiB of 600 MiB to go`.
    package static func part(_ part: Int64, of whole: Int64) -> String {
        guard part < whole, bytes(part) == bytes(whole) else { return "\(bytes(part)) of \(bytes(whole))" }
        return "\(bytes(whole - part)) of \(bytes(whole)) to go"
    }
}

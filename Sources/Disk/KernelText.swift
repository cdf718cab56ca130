import Glibc
import SystemPackage
import Torrent

/// The texts in which the kernel says how things stand (proc(5)). They have no size before they are read.
package enum KernelText {
    /// Bytes that are taken of one: more than any machine's table of mounts has.
    private static let limit = 4 << 20

    /// The text, whose paths are ``PathText``; `nil` where the kernel doesn't show it to us, without which every caller
    /// can do.
    package static func read(_ path: FilePath) -> String? {
        do {
            let file = try FileDescriptor.open(path, .readOnly, options: .closeOnExec)
            return try file.closeAfter {
                var bytes: [UInt8] = []
                var buffer = [UInt8](repeating: 0, count: 64 << 10)
                while bytes.count < limit {
                    let count = try buffer.withUnsafeMutableBytes { try file.read(into: $0) }
                    if count == 0 { break }
                    bytes += buffer.prefix(count)
                }
                return PathText.text(bytes)
            }
        } catch {
            return nil
        }
    }
}

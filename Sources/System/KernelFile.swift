package import SystemPackage

/// The text files in which the kernel reports its state (proc(5)). Their size is unknown before they are read.
package enum KernelFile {
    /// The most bytes that are read from one file: more than any machine's mount table has.
    private static let limit = 4 << 20

    /// The bytes of the file; `nil` if the kernel doesn't show it to us, or it isn't a regular file. Every caller can
    /// do without it.
    package static func read(_ path: FilePath) -> [UInt8]? {
        do {
            let file = try FileDescriptor.open(path, .readOnly, options: [.closeOnExec, .nonBlocking])
            return try file.closeAfter {
                guard try PathStatus(of: file).kind == .file else { return nil }
                var bytes: [UInt8] = []
                var buffer = [UInt8](repeating: 0, count: 64 << 10)
                while bytes.count < limit {
                    let count = try buffer.withUnsafeMutableBytes { try file.read(into: $0) }
                    if count == 0 { break }
                    bytes += buffer.prefix(count)
                }
                return bytes
            }
        } catch {
            return nil
        }
    }
}

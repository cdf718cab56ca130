import System
package import SystemPackage
import Torrent

/// A file of settings that people write by hand: `name = value`, one a line.
package struct SettingsFile: Sendable {
    package let path: FilePath
    package let values: [SettingKey: SettingValue]

    /// The largest file that is read, in bytes.
    static let sizeLimit = 1 << 20

    /// Reads the file; `nil` if there is none. An error names the file, the key and what to do.
    package init?(_ path: FilePath, home: String?) throws(Failure) {
        let bytes: [UInt8]
        do {
            guard let read = try SettingsFile.contents(path) else { return nil }
            bytes = read
        } catch {
            let advice = (error as? Errno).flatMap { ProcessLimit(errno: $0.rawValue)?.advice }.map { ": \($0)" } ?? ""
            throw Failure("cannot read the settings in \(path.text.printable): \(error)\(advice)")
        }
        try self.init(path, String(decoding: bytes, as: UTF8.self), home: home)
    }

    /// Reads the text of the file at `path`.
    package init(_ path: FilePath, _ text: String, home: String?) throws(Failure) {
        self.path = path
        let lines: [SettingsText.Line]
        do throws(SettingsText.Problem) { lines = try SettingsText.lines(text) } catch {
            throw .usage("cannot read the settings in \(path.text.printable), \(error.description.printable)")
        }
        var values: [SettingKey: SettingValue] = [:]
        for line in lines {
            let place = "\(path.text.printable), line \(line.number)"
            let key: SettingKey
            do throws(Failure) { key = try SettingKey(named: line.name) } catch {
                throw .usage("\(place): \(error.description)")
            }
            do throws(BadValue) { values[key] = try SettingValue(line.value, for: key, home: home) } catch {
                throw .usage("\(place): \(key.rawValue) = \"\(line.value.printable)\": \(error.description)")
            }
        }
        self.values = values
    }

    private static func isThere(_ path: FilePath) -> Bool {
        do { return try PathCalls.status(path).kind != .folder } catch { return false }
    }

    private static func contents(_ path: FilePath) throws -> [UInt8]? {
        let descriptor: FileDescriptor
        do {
            // Without O_NONBLOCK, opening a pipe would wait forever.
            descriptor = try FileDescriptor.open(path, .readOnly, options: [.nonBlocking, .closeOnExec])
        } catch Errno.noSuchFileOrDirectory {
            return nil
        } catch Errno.notDirectory {
            return nil
        } catch Errno.permissionDenied where !isThere(path) {
            // HOME may name another user's folder, as after su(1) without -l.
            return nil
        }
        return try descriptor.closeAfter {
            var bytes: [UInt8] = []
            var part = [UInt8](repeating: 0, count: 1 << 16)
            while true {
                let count = try part.withUnsafeMutableBytes { try descriptor.read(into: $0) }
                guard count > 0 else { return bytes }
                bytes += part.prefix(count)
                guard bytes.count <= sizeLimit else { throw Failure("it is larger than 1 MiB") }
            }
        }
    }
}

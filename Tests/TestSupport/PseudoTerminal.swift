import Foundation
import Glibc
import Synchronization
package import SystemPackage

/// A terminal of a test's own: what a program that has it as its output writes is read by a thread, as a person's
/// terminal would (pty(7)).
package final class PseudoTerminal: Sendable {
    private let master: FileDescriptor
    /// What programs are given.
    package let slave: FileDescriptor
    private let heard = Mutex<[UInt8]>([])

    package init(columns: UInt16 = 100, rows: UInt16 = 30) throws {
        var (master, slave) = (Int32(-1), Int32(-1))
        var size = winsize(ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0)
        guard openpty(&master, &slave, nil, nil, &size) == 0 else { throw Errno(rawValue: errno) }
        // It can only fail for descriptors that are not open (fcntl(2)).
        for descriptor in [master, slave] { _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC) }
        self.master = FileDescriptor(rawValue: master)
        self.slave = FileDescriptor(rawValue: slave)
        startReading()
    }

    /// All that was written to it so far.
    package var text: String { String(decoding: heard.withLock { $0 }, as: UTF8.self) }

    /// Types keys, as a person would.
    package func type(_ keys: String) throws { try master.writeAll(Array(keys.utf8)) }

    /// How the terminal treats what is typed and written, as bytes to compare (termios(3)).
    package var settings: [UInt32] {
        get throws {
            var settings = termios()
            guard tcgetattr(slave.rawValue, &settings) == 0 else { throw Errno(rawValue: errno) }
            return [settings.c_iflag, settings.c_oflag, settings.c_cflag, settings.c_lflag]
        }
    }

    /// Ends the terminal; the reader ends with the last program that has it.
    package func close() throws { try slave.close() }

    private func startReading() {
        let master = master
        let thread = Thread { [weak self] in
            var buffer = [UInt8](repeating: 0, count: 4096)
            // EIO, or 0, is the end: nobody has the other side any more.
            while true {
                let count = Glibc.read(master.rawValue, &buffer, buffer.count)
                if count < 0, errno == EINTR { continue }
                guard count > 0, let self else { break }
                self.heard.withLock { $0 += buffer[..<count] }
            }
            _ = Glibc.close(master.rawValue)
        }
        thread.start()
    }
}

import Glibc

/// Reads single keys from the terminal while a command shows pages (termios(3)).
final class Keyboard {
    enum Key: Hashable, Sendable { case next, back, quit }

    /// The keys and what terminals send for them.
    private static let keys: [([UInt8], Key)] = [
        (Array("q".utf8), .quit), (Array("Q".utf8), .quit), (Array(" ".utf8), .next), (Array("f".utf8), .next),
        (Array("b".utf8), .back), (Array("\u{1b}[6~".utf8), .next), (Array("\u{1b}[5~".utf8), .back),
        (Array("\u{1b}[B".utf8), .next), (Array("\u{1b}[A".utf8), .back), (Array("\u{1b}[C".utf8), .next),
        (Array("\u{1b}[D".utf8), .back), (Array("\u{1b}OB".utf8), .next), (Array("\u{1b}OA".utf8), .back),
    ]

    private var before = termios()

    /// Returns `nil` if standard input isn't a terminal, or another process uses it.
    init?() {
        let group = tcgetpgrp(STDIN_FILENO)
        guard isatty(STDIN_FILENO) == 1, group < 0 || group == getpgrp(), tcgetattr(STDIN_FILENO, &before) == 0 else {
            return nil
        }
        var settings = before
        settings.c_lflag &= ~tcflag_t(ICANON | ECHO)
        guard tcsetattr(STDIN_FILENO, TCSANOW, &settings) == 0 else { return nil }
    }

    /// Leaves the terminal as it was; call this before the command ends.
    func restore() {
        // If the terminal is gone, nothing has to be restored.
        _ = tcsetattr(STDIN_FILENO, TCSAFLUSH, &before)
    }

    /// The last known key that was pressed since the last call; `nil` if none was.
    func key() -> Key? {
        var input = pollfd(fd: STDIN_FILENO, events: Int16(POLLIN), revents: 0)
        guard poll(&input, 1, 0) > 0, Int32(input.revents) & POLLIN != 0 else { return nil }
        var bytes = [UInt8](repeating: 0, count: 64)
        let count = read(STDIN_FILENO, &bytes, bytes.count)
        guard count > 0 else { return nil }
        return Self.key(in: bytes[..<count])
    }

    private static func key(in bytes: ArraySlice<UInt8>) -> Key? {
        var rest = bytes
        var found: Key?
        while !rest.isEmpty {
            let match = keys.first { rest.starts(with: $0.0) }
            if match?.1 == .quit { return .quit }
            found = match?.1 ?? found
            rest = rest.dropFirst(match?.0.count ?? 1)
        }
        return found
    }
}

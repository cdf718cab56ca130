import Glibc
import Synchronization

/// The output of the process: lines, and on a terminal a block of live lines below them that is drawn anew.
final class Terminal: Sendable {
    static let shared = Terminal()

    /// Columns where the terminal doesn't say.
    private static let usualWidth = 80
    private static let usualHeight = 24

    /// Whether a person looks at standard output.
    let isInteractive: Bool
    /// Whether more than ASCII may be written.
    let speaksUnicode: Bool
    private let errorsAreSeen: Bool
    private let state = Mutex(State())

    private struct State {
        var block: [String] = []
        var lost: String?
    }

    private init() {
        let isDumb = getenv("TERM").map { String(cString: $0) } == "dumb"
        isInteractive = isatty(STDOUT_FILENO) == 1 && !isDumb
        errorsAreSeen = isatty(STDERR_FILENO) == 1
        // The first of these that is set decides (locale(7)).
        let names = ["LC_ALL", "LC_CTYPE", "LANG"]
        let locale = names.compactMap { (name: String) in getenv(name).map { String(cString: $0) } }.first { !$0.isEmpty } ?? ""
        speaksUnicode = locale.lowercased().contains("utf-8") || locale.lowercased().contains("utf8")
    }

    /// Columns and rows of the terminal.
    var size: (width: Int, height: Int) {
        var window = winsize()
        guard ioctl(STDOUT_FILENO, UInt(TIOCGWINSZ), &window) == 0, window.ws_col > 0 else { return (Self.usualWidth, Self.usualHeight) }
        return (Int(window.ws_col), max(2, Int(window.ws_row)))
    }

    /// Why output was lost; a reader that has heard enough (EPIPE) is no reason.
    var lostOutput: String? { state.withLock { $0.lost } }

    /// Writes lines, above the live block.
    func print(_ text: String) { print(bytes: Array((text + "\n").utf8)) }

    /// Writes what is already lines, or JSON.
    func print(bytes: [UInt8]) {
        state.withLock { state in
            // Long lists come where there is no block, and are not copied.
            let all = state.block.isEmpty ? bytes : Self.erasure(of: state.block) + bytes + Self.drawing(of: state.block)
            write(all, to: STDOUT_FILENO, &state)
        }
    }

    /// One sentence about what went wrong.
    func complain(_ sentence: String) { hint("pieces: " + sentence.printable) }

    /// A line on the standard error stream.
    func hint(_ line: String) {
        state.withLock { state in
            let block = errorsAreSeen ? state.block : []
            write(Self.erasure(of: block), to: STDOUT_FILENO, &state)
            write(Array((line + "\n").utf8), to: STDERR_FILENO, &state)
            write(Self.drawing(of: block), to: STDOUT_FILENO, &state)
        }
    }

    /// Puts these lines in the place of the live block; without any the block is gone. Nothing happens where no person looks.
    func show(_ lines: [String]) {
        guard isInteractive else { return }
        let (width, height) = size
        let fitting = lines.prefix(height - 1).map { $0.fitted(width - 1) }
        state.withLock { state in
            // In one write, so that nothing flickers.
            write(Self.erasure(of: state.block) + Self.drawing(of: fitting), to: STDOUT_FILENO, &state)
            state.block = fitting
        }
    }

    private static func drawing(of lines: [String]) -> [UInt8] { lines.flatMap { Array($0.utf8) + [UInt8(ascii: "\n")] } }

    /// Up to the first line of the block, and all below it away (ECMA-48: CPL, ED).
    private static func erasure(of lines: [String]) -> [UInt8] { lines.isEmpty ? [] : Array("\u{1b}[\(lines.count)F\u{1b}[J".utf8) }

    private func write(_ bytes: [UInt8], to descriptor: Int32, _ state: inout State) {
        var done = 0
        while done < bytes.count {
            let count = bytes.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress! + done, bytes.count - done) }
            if count > 0 {
                done += count
            } else if errno == EAGAIN {
                // Somebody made the terminal non-blocking; it takes the rest soon.
                usleep(1000)
            } else if errno != EINTR {
                if errno != EPIPE, descriptor == STDOUT_FILENO { state.lost = String(cString: strerror(errno)) }
                return
            }
        }
    }
}

import Glibc
import Synchronization
import Torrent

/// The output of the process: lines, and on a terminal a block of live lines below them that is drawn anew.
///
/// A block is drawn over the one before, line by line, and never erased as a whole: some terminals keep what was erased
/// as history.
final class Terminal: Sendable {
    static let shared = Terminal()

    /// Columns where the terminal doesn't say.
    private static let usualWidth = 80
    private static let usualHeight = 24
    /// Rows that a block leaves to what is printed above it, and to the cursor below it.
    private static let spareRows = 3

    /// Whether a person looks at standard output.
    let isInteractive: Bool
    /// Whether more than ASCII may be written.
    let speaksUnicode: Bool
    private let errorsAreSeen: Bool
    private let state = Mutex(State())

    private struct State {
        var block: [String] = []
        /// Columns of the terminal when the block was drawn.
        var width = usualWidth
        /// Whether the command was run for its output: without it, it failed.
        var isForOutput = true
        /// Why output was lost; a reader that has read enough (EPIPE) is no reason.
        var lost: String?
        /// Whether anything was written, or was to be.
        var hasBegun = false
        /// Whether nothing more can be written to standard output.
        var isClosed = false
    }

    private init() {
        let isDumb = getenv("TERM").map { String(cString: $0) } == "dumb"
        isInteractive = isatty(STDOUT_FILENO) == 1 && !isDumb
        errorsAreSeen = isatty(STDERR_FILENO) == 1
        // The first of these that is set decides (locale(7)).
        let names = ["LC_ALL", "LC_CTYPE", "LANG"]
        let locale =
            names.compactMap { (name: String) in getenv(name).map { String(cString: $0) } }.first { !$0.isEmpty } ?? ""
        speaksUnicode = locale.lowercased().contains("utf-8") || locale.lowercased().contains("utf8")
    }

    /// Gives the standard streams that the process was started without a descriptor that takes nothing: else the next
    /// file that is opened would have their number, and what is printed would be written into it. To be called first.
    static func prepare() {
        // A closed pipe is then an error of write(2), and not the end of a process that has work to do.
        signal(SIGPIPE, SIG_IGN)
        for stream in [STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO] where fcntl(stream, F_GETFD) < 0 && errno == EBADF {
            // Open for the other direction, so that using it fails as if it were closed.
            guard open("/dev/null", stream == STDIN_FILENO ? O_WRONLY : O_RDONLY) == stream else {
                _exit(ExitStatus.failed.rawValue)
            }
        }
    }

    /// From now on output is a report of work, which goes on when nobody can read the report.
    func reportWork() { state.withLock { $0.isForOutput = false } }

    /// Columns and rows of the terminal.
    var size: (width: Int, height: Int) {
        var window = winsize()
        guard ioctl(STDOUT_FILENO, UInt(TIOCGWINSZ), &window) == 0, window.ws_col > 0 else {
            return (Self.usualWidth, Self.usualHeight)
        }
        return (Int(window.ws_col), max(2, Int(window.ws_row)))
    }

    /// Lines that a block may have.
    var room: Int { Self.room(size.height) }
    private static func room(_ height: Int) -> Int { max(1, height - spareRows) }

    /// Why the command failed for want of its output; `nil` when it didn't.
    var lostOutput: String? { state.withLock { $0.isForOutput ? $0.lost : nil } }

    /// Whether anything was printed, on either stream.
    var hasBegun: Bool { state.withLock(\.hasBegun) }

    /// Ends a command that waits for something to print when nobody reads its output any more: without a write it finds
    /// that out only by asking (poll(2)).
    func requireReader() throws(ExitStatus) {
        var output = pollfd(fd: STDOUT_FILENO, events: 0, revents: 0)
        let isGone = poll(&output, 1, 0) > 0 && Int32(output.revents) & (POLLERR | POLLHUP) != 0
        if isGone || state.withLock(\.isClosed) { throw .done }
    }

    /// Writes lines, above the live block.
    func print(_ text: String) { print(bytes: Array((text + "\n").utf8)) }

    /// Writes what is already lines, or JSON.
    func print(bytes: [UInt8]) {
        state.withLock { state in
            // Long lists come where there is no block, and are not copied.
            guard !state.block.isEmpty else { return write(bytes, to: STDOUT_FILENO, &state) }
            let drawing = Drawing(over: state.block, width: size.width)
            let lines = drawing.lines(bytes)
            write(
                drawing.start + lines.bytes + drawing.block(state.block, below: lines.rows), to: STDOUT_FILENO, &state)
            state.width = drawing.width
        }
    }

    /// One sentence about what went wrong.
    func complain(_ sentence: String) { hint("pieces: " + sentence.printable) }

    /// A line on the standard error stream.
    func hint(_ line: String) {
        let bytes = Array((line + "\n").utf8)
        state.withLock { state in
            guard errorsAreSeen, !state.block.isEmpty else { return write(bytes, to: STDERR_FILENO, &state) }
            let drawing = Drawing(over: state.block, width: size.width)
            let lines = drawing.lines(bytes)
            write(drawing.start, to: STDOUT_FILENO, &state)
            write(lines.bytes, to: STDERR_FILENO, &state)
            write(drawing.block(state.block, below: lines.rows), to: STDOUT_FILENO, &state)
            state.width = drawing.width
        }
    }

    /// Puts these lines in the place of the live block; without any the block is gone. Nothing happens where no person
    /// looks, and where nothing has changed.
    func show(_ lines: [String]) {
        guard isInteractive else { return }
        let (width, height) = size
        let fitting = lines.prefix(Self.room(height)).map { $0.fitted(width - 1) }
        state.withLock { state in
            guard fitting != state.block || width != state.width else { return }
            let drawing = Drawing(over: state.block, width: width)
            // In one write, so that nothing flickers.
            write(drawing.start + drawing.block(fitting, below: 0), to: STDOUT_FILENO, &state)
            state.block = fitting
            state.width = width
        }
    }

    private func write(_ bytes: [UInt8], to descriptor: Int32, _ state: inout State) {
        state.hasBegun = true
        if descriptor == STDOUT_FILENO, state.isClosed { return }
        var done = 0
        while done < bytes.count {
            let count = bytes.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress! + done, bytes.count - done) }
            if count > 0 {
                done += count
            } else if errno == EAGAIN {
                // Somebody made the terminal non-blocking; it takes the rest soon.
                usleep(1000)
            } else if errno != EINTR {
                if descriptor == STDOUT_FILENO { lose(errno, &state) }
                return
            }
        }
    }

    private func lose(_ error: Int32, _ state: inout State) {
        let reason = String(cString: strerror(error))
        if error != EPIPE { state.lost = reason }
        // A disk that was full may have room again, but a listing with a hole in it is worse than a short one.
        state.isClosed = true
        // Whoever starts a command with a closed output wants none.
        guard !state.isForOutput, error != EBADF else { return }
        write(
            Array("pieces: the output can no longer be written (\(reason)); the work continues\n".utf8),
            to: STDERR_FILENO, &state)
    }
}

/// What is written to put other lines over a block that stands right above the cursor (ECMA-48: CPL, EL).
private struct Drawing {
    private static let erasure = Array("\u{1b}[K".utf8)
    private static let endOfLine = erasure + [UInt8(ascii: "\n")]

    let width: Int
    /// Rows that the old block takes by now: a terminal that became narrower has wrapped its lines.
    private let oldRows: Int

    init(over block: [String], width: Int) {
        self.width = width
        oldRows = block.reduce(0) { $0 + Self.rows($1.columns, width) }
    }

    /// Goes up to the first row of the old block.
    var start: [UInt8] { Self.up(oldRows) }

    /// Whole lines, each of which takes the place of what was there; and the rows that they take.
    func lines(_ text: [UInt8]) -> (bytes: [UInt8], rows: Int) {
        var bytes: [UInt8] = []
        var rows = 0
        for line in text.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false).dropLast() {
            let columns = String(decoding: line, as: UTF8.self).columns
            bytes += line
            // Behind a full row the cursor still stands on its last character, which EL would erase.
            if columns > 0, columns % width == 0 { bytes.append(UInt8(ascii: "\n")) } else { bytes += Self.endOfLine }
            rows += Self.rows(columns, width)
        }
        return (bytes, rows)
    }

    /// A block, below so many rows that were written since ``start``, and nothing of the old one below it.
    func block(_ lines: [String], below rows: Int) -> [UInt8] {
        var bytes = lines.flatMap { Array($0.utf8) + Self.endOfLine }
        let rest = oldRows - rows - lines.reduce(0) { $0 + Self.rows($1.columns, width) }
        if rest > 0 { bytes += Array(repeatElement(Self.endOfLine, count: rest).joined()) }
        // What was typed meanwhile stands on the cursor's row, as the ^C of an interruption.
        return bytes + Self.erasure + Self.up(rest)
    }

    private static func up(_ rows: Int) -> [UInt8] { rows > 0 ? Array("\u{1b}[\(rows)F".utf8) : [] }
    private static func rows(_ columns: Int, _ width: Int) -> Int { max(1, (columns + width - 1) / width) }
}

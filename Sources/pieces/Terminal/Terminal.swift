import Glibc
import Synchronization
import Torrent

/// The output of the process: lines and, on a terminal, a block of live lines below them that is redrawn.
///
/// Each block is drawn over the previous one line by line and is never erased as a whole, because some terminals keep
/// erased text in their history.
final class Terminal: Sendable {
    static let shared = Terminal()

    /// The size that is assumed if the terminal doesn't report one.
    private static let usualWidth = 80
    private static let usualHeight = 24
    /// The rows that a block leaves free for the lines above it and the cursor below it.
    private static let spareRows = 3

    /// Whether standard output is a terminal.
    let isInteractive: Bool
    /// Whether non-ASCII characters may be written.
    let speaksUnicode: Bool
    private let errorsAreSeen: Bool
    private let state = Mutex(State())

    private struct State {
        var block: [String] = []
        /// The terminal's width when the block was drawn.
        var width = usualWidth
        /// Whether output is the purpose of the command, so that the command fails without it.
        var isForOutput = true
        /// Why output was lost; `nil` if the reader simply closed the pipe (EPIPE).
        var lost: String?
        /// Whether anything was written, or should have been.
        var hasBegun = false
        /// Whether standard output accepts no more writes.
        var isClosed = false
    }

    private init() {
        let isDumb = getenv("TERM").map { String(cString: $0) } == "dumb"
        isInteractive = isatty(STDOUT_FILENO) == 1 && !isDumb
        errorsAreSeen = isatty(STDERR_FILENO) == 1
        // The first variable that is set decides (locale(7)).
        let names = ["LC_ALL", "LC_CTYPE", "LANG"]
        let locale =
            names.compactMap { (name: String) in getenv(name).map { String(cString: $0) } }.first { !$0.isEmpty } ?? ""
        speaksUnicode = locale.lowercased().contains("utf-8") || locale.lowercased().contains("utf8")
    }

    /// Opens missing standard streams as descriptors that accept nothing; call this first. Otherwise, the next opened
    /// file would get the number of the missing stream, and output would be written into the file.
    static func prepare() {
        // A closed pipe then causes an error of write(2) instead of ending a process that has work to do.
        signal(SIGPIPE, SIG_IGN)
        for stream in [STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO] where fcntl(stream, F_GETFD) < 0 && errno == EBADF {
            // The descriptor is opened for the other direction, so that using it fails as if it were closed.
            guard open("/dev/null", stream == STDIN_FILENO ? O_WRONLY : O_RDONLY) == stream else {
                _exit(ExitStatus.failed.rawValue)
            }
        }
    }

    /// Declares that output only reports on work, which continues even if the output can't be written.
    func reportWork() { state.withLock { $0.isForOutput = false } }

    /// The size of the terminal in columns and rows.
    var size: (width: Int, height: Int) {
        var window = winsize()
        guard ioctl(STDOUT_FILENO, UInt(TIOCGWINSZ), &window) == 0, window.ws_col > 0 else {
            return (Self.usualWidth, Self.usualHeight)
        }
        return (Int(window.ws_col), max(2, Int(window.ws_row)))
    }

    /// The maximum number of lines in a block.
    var room: Int { Self.room(size.height) }
    private static func room(_ height: Int) -> Int { max(1, height - spareRows) }

    /// Why the lost output makes the command fail; `nil` if it doesn't.
    var lostOutput: String? { state.withLock { $0.isForOutput ? $0.lost : nil } }

    /// Whether anything was printed on either stream.
    var hasBegun: Bool { state.withLock(\.hasBegun) }

    /// Ends a command that waits for something to print if its reader has closed the output. Without a write, only
    /// poll(2) can detect this.
    func requireReader() throws(ExitStatus) {
        var output = pollfd(fd: STDOUT_FILENO, events: 0, revents: 0)
        let isGone = poll(&output, 1, 0) > 0 && Int32(output.revents) & (POLLERR | POLLHUP) != 0
        if isGone || state.withLock(\.isClosed) { throw .done }
    }

    /// Prints lines above the live block.
    func print(_ text: String) { print(bytes: Array((text + "\n").utf8)) }

    /// Prints complete lines or JSON.
    func print(bytes: [UInt8]) {
        state.withLock { state in
            // Long lists are printed without a block, so they aren't copied.
            guard !state.block.isEmpty else { return write(bytes, to: STDOUT_FILENO, &state) }
            let drawing = Drawing(over: state.block, width: size.width)
            let lines = drawing.lines(bytes)
            write(
                drawing.start + lines.bytes + drawing.block(state.block, below: lines.rows), to: STDOUT_FILENO, &state)
            state.width = drawing.width
        }
    }

    /// Prints one sentence about a problem on standard error.
    func complain(_ sentence: String) {
        hint(ProblemJSON.problem(sentence) ?? "pieces: " + sentence.printable)
    }

    /// Prints a line on standard error.
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

    /// Replaces the live block with these lines; without lines, removes the block. Does nothing if standard output is
    /// not a terminal or nothing has changed.
    func show(_ lines: [String]) {
        guard isInteractive else { return }
        let (width, height) = size
        let fitting = lines.prefix(Self.room(height)).map { $0.fitted(width - 1) }
        state.withLock { state in
            guard fitting != state.block || width != state.width else { return }
            let drawing = Drawing(over: state.block, width: width)
            // Everything goes out in one write to avoid flicker.
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
                // Another process made the terminal non-blocking; it will accept the rest soon.
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
        // A full disk may have room again later, but output with a gap is worse than truncated output.
        state.isClosed = true
        // A command that is started with closed output is meant to print nothing.
        guard !state.isForOutput, error != EBADF else { return }
        write(
            Array("pieces: the output can no longer be written (\(reason)); the work continues\n".utf8),
            to: STDERR_FILENO, &state)
    }
}

/// Creates the bytes that draw other lines over a block right above the cursor (ECMA-48: CPL, EL).
private struct Drawing {
    private static let erasure = Array("\u{1b}[K".utf8)
    private static let endOfLine = erasure + [UInt8(ascii: "\n")]

    let width: Int
    /// The rows that the old block takes now; a terminal that became narrower has wrapped its lines.
    private let oldRows: Int

    init(over block: [String], width: Int) {
        self.width = width
        oldRows = block.reduce(0) { $0 + Self.rows($1.columns, width) }
    }

    /// Moves the cursor to the first row of the old block.
    var start: [UInt8] { Self.up(oldRows) }

    /// Complete lines, each of which overwrites the previous content, and the number of rows that they take.
    func lines(_ text: [UInt8]) -> (bytes: [UInt8], rows: Int) {
        var bytes: [UInt8] = []
        var rows = 0
        for line in text.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false).dropLast() {
            let columns = String(decoding: line, as: UTF8.self).columns
            bytes += line
            // After a full row, the cursor is still on the last character, which EL would erase.
            if columns > 0, columns % width == 0 { bytes.append(UInt8(ascii: "\n")) } else { bytes += Self.endOfLine }
            rows += Self.rows(columns, width)
        }
        return (bytes, rows)
    }

    /// Draws a block below the `rows` that were written since ``start``, and clears the rest of the old block.
    func block(_ lines: [String], below rows: Int) -> [UInt8] {
        var bytes = lines.flatMap { Array($0.utf8) + Self.endOfLine }
        let rest = oldRows - rows - lines.reduce(0) { $0 + Self.rows($1.columns, width) }
        if rest > 0 { bytes += Array(repeatElement(Self.endOfLine, count: rest).joined()) }
        // This also clears text that was typed on the cursor's row, such as the ^C of an interruption.
        return bytes + Self.erasure + Self.up(rest)
    }

    private static func up(_ rows: Int) -> [UInt8] { rows > 0 ? Array("\u{1b}[\(rows)F".utf8) : [] }
    private static func rows(_ columns: Int, _ width: Int) -> Int { max(1, (columns + width - 1) / width) }
}

import Glibc
import Synchronization
import Torrent

/// The output of the process: lines and, on a terminal, a block of live lines below them that is redrawn.
///
/// Sentences are wrapped at words on a terminal. ``LiveBlock`` draws the live lines.
final class Terminal: Sendable {
    static let shared = Terminal()

    /// The size that is assumed if the terminal doesn't report one.
    private static let usualWidth = 80
    private static let usualHeight = 24
    /// The rows that a block leaves free for the lines above it and the cursor below it.
    private static let spareRows = 3

    /// The beginnings of the names of terminals without colours (terminfo(5)).
    private static let plainKinds = ["vt1", "vt2", "vt3", "vt5", "ansi-m", "sun", "wy", "hp"]
    /// The indent of the further lines of a sentence.
    private static let indent = 2
    /// What stands before a sentence on standard error.
    private static let speaker = "pieces: "

    /// Whether standard output is a terminal.
    let isInteractive: Bool
    /// Whether non-ASCII characters may be written.
    let speaksUnicode: Bool
    /// Whether states and problems may be coloured (https://no-color.org).
    let hasColour: Bool
    private let errorsAreSeen: Bool
    private let state = Mutex(State())

    private struct State {
        var block = LiveBlock()
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
        let kind = getenv("TERM").map { String(cString: $0) } ?? ""
        isInteractive = isatty(STDOUT_FILENO) == 1 && kind != "dumb"
        let isPlain = kind.isEmpty || Self.plainKinds.contains { kind.hasPrefix($0) }
        let isRefused = getenv("NO_COLOR").map { $0.pointee != 0 } ?? false
        hasColour = isInteractive && !isPlain && !isRefused
        errorsAreSeen = isatty(STDERR_FILENO) == 1
        // The first variable that is set decides (locale(7)).
        let names = ["LC_ALL", "LC_CTYPE", "LANG"]
        let locale =
            names.compactMap { (name: String) in getenv(name).map { String(cString: $0) } }.first { !$0.isEmpty } ?? ""
        speaksUnicode = locale.lowercased().contains(text: "utf-8") || locale.lowercased().contains(text: "utf8")
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
    var size: (width: Int, height: Int) { size(of: STDOUT_FILENO) }

    private func size(of stream: Int32) -> (width: Int, height: Int) {
        var window = winsize()
        guard ioctl(stream, UInt(TIOCGWINSZ), &window) == 0, window.ws_col > 0 else {
            return (Self.usualWidth, Self.usualHeight)
        }
        return (Int(window.ws_col), max(2, Int(window.ws_row)))
    }

    /// What the terminal can show now.
    var display: Display {
        let (width, height) = size
        return Display(
            width: width - 1, room: Self.room(height), speaksUnicode: speaksUnicode, hasColour: hasColour)
    }

    /// The columns for text; `nil` if standard output is not a terminal, so that nothing has to be cut or wrapped.
    var textWidth: Int? { isInteractive ? size.width - 1 : nil }

    /// A sentence wrapped at words on a terminal.
    func wrapped(_ text: String, indent: Int) -> String {
        textWidth.map { text.wrapped($0, indent: indent) } ?? text
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

    /// Prints sentences above the live block.
    func print(_ text: String) { print(bytes: Array((wrapped(text, indent: Self.indent) + "\n").utf8)) }

    /// Prints complete lines or JSON.
    func print(bytes: [UInt8]) { print(parts: [KeptText(bytes)]) }

    /// Prints complete lines or JSON, which come in parts.
    func print(parts: [KeptText]) {
        state.withLock { state in
            // Long lists are printed without a block, so they aren't copied.
            guard !state.block.isEmpty else {
                for part in parts { part.forEachPart { write($0, to: STDOUT_FILENO, &state) } }
                return
            }
            let (width, height) = size
            let parts = state.block.printing(parts.joined, width: width, height: height)
            write(parts.start + parts.text + parts.block, to: STDOUT_FILENO, &state)
        }
    }

    /// Prints one sentence about a problem on standard error.
    func complain(_ sentence: String) {
        if let object = ProblemJSON.problem(sentence) { return hint(object, indent: nil) }
        hint(Self.speaker + sentence.printable, indent: Self.speaker.count)
    }

    /// Prints a line on standard error.
    func hint(_ line: String) { hint(line, indent: Self.indent) }

    /// Wraps the line at words; not without an `indent`.
    private func hint(_ line: String, indent: Int?) {
        let width = size(of: STDERR_FILENO).width - 1
        let text = indent.map { errorsAreSeen ? line.wrapped(width, indent: $0) : line } ?? line
        let bytes = Array((text + "\n").utf8)
        state.withLock { state in
            guard errorsAreSeen, !state.block.isEmpty else { return write(bytes, to: STDERR_FILENO, &state) }
            let (width, height) = size
            let parts = state.block.printing(bytes, width: width, height: height)
            write(parts.start, to: STDOUT_FILENO, &state)
            write(parts.text, to: STDERR_FILENO, &state)
            write(parts.block, to: STDOUT_FILENO, &state)
        }
    }

    /// Replaces the live block with these lines; without lines, removes the block. Does nothing if standard output is
    /// not a terminal or nothing has changed.
    func show(_ lines: [String]) {
        guard isInteractive else { return }
        let (width, height) = size
        let fitting = lines.prefix(Self.room(height)).map { $0.fitted(width - 1) }
        state.withLock { state in
            let bytes = state.block.show(fitting, width: width, height: height)
            // Everything goes out in one write to avoid flicker.
            if !bytes.isEmpty { write(bytes, to: STDOUT_FILENO, &state) }
        }
    }

    private func write(_ bytes: [UInt8], to descriptor: Int32, _ state: inout State) {
        bytes.withUnsafeBytes { write($0, to: descriptor, &state) }
    }

    private func write(_ bytes: UnsafeRawBufferPointer, to descriptor: Int32, _ state: inout State) {
        state.hasBegun = true
        if descriptor == STDOUT_FILENO, state.isClosed { return }
        var done = 0
        while done < bytes.count {
            let rest = UnsafeRawBufferPointer(rebasing: bytes[done...])
            let count = Glibc.write(descriptor, rest.baseAddress, rest.count)
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

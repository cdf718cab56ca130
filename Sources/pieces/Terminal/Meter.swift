import Synchronization
import Torrent

/// Shows the progress of work that is measured in bytes: as a live line on a terminal, and otherwise as a plain line
/// every few seconds.
final class Meter: Sendable {
    private static let redrawInterval = Duration.milliseconds(200)
    private static let plainInterval = Duration.seconds(5)
    /// The number of samples over which the rate is measured.
    private static let window = 25

    private static let bar = 8...30
    /// The columns that a note gets before the sizes are dropped.
    private static let noteWidth = 16

    enum Style { case shown, silent }

    private struct State {
        var total: Int64
        var done: Int64 = 0
        var note = ""
        var samples: [(at: ContinuousClock.Instant, done: Int64)] = []
        var lastPlain = ContinuousClock.now
        var plainDone: Int64 = 0
    }

    private let verb: String
    private let style: Style
    private let started = ContinuousClock.now
    private let state: Mutex<State>

    /// `verb` describes the work, as in "verified 3 of 5 GiB".
    init(_ verb: String, total: Int64, style: Style) {
        self.verb = verb
        self.style = style
        state = Mutex(State(total: total))
    }

    var elapsed: Duration { .now - started }
    var done: Int64 { state.withLock { $0.done } }

    func add(_ bytes: Int64) { state.withLock { $0.done += bytes } }
    /// Adds to the expected total; `bytes` may be negative.
    func expect(_ bytes: Int64) { state.withLock { $0.total += bytes } }
    func note(_ text: String) { state.withLock { $0.note = text } }

    /// The average rate since the start, in bytes per second.
    var rate: Int64 { Self.rate(done, elapsed) }

    /// Redraws until the task is cancelled.
    func run() async {
        guard style == .shown else { return }
        while !Task.isCancelled {
            do { try await Task.sleep(for: Self.redrawInterval) } catch { break }
            draw()
        }
        Terminal.shared.show([])
    }

    private func draw() {
        let now = ContinuousClock.now
        let (state, recent) = state.withLock { state in
            state.samples.append((now, state.done))
            if state.samples.count > Self.window { state.samples.removeFirst() }
            let first = state.samples[0]
            return (state, Self.rate(state.done - first.done, now - first.at))
        }
        let time = recent > 0 && state.total > state.done ? Duration.seconds((state.total - state.done) / recent) : nil
        let left = time.map { "\(Format.time($0)) left" } ?? ""
        let part = "\(Format.bytes(state.done)) of \(Format.bytes(max(state.total, state.done)))"
        if Terminal.shared.isInteractive {
            Terminal.shared.show([line(state, part, Format.rate(recent), left)])
        } else if now - state.lastPlain >= Self.plainInterval {
            self.state.withLock { $0.lastPlain = now }
            if state.done != state.plainDone {
                Terminal.shared.print("\(verb) \(part)  \(Format.rate(recent))\(left.isEmpty ? "" : ", \(left)")")
            }
            self.state.withLock { $0.plainDone = state.done }
        }
    }

    /// The line on a terminal. The bar gives way to the note, and the sizes are dropped before rate and time left.
    private func line(_ state: State, _ part: String, _ rate: String, _ left: String) -> String {
        let width = Terminal.shared.display.width
        var parts = LineParts()
        parts.append(Format.percent(state.done, of: state.total).padded(6, right: true), rank: 0)
        parts.append(part, rank: 3)
        parts.append(rate, rank: 2)
        parts.append(left, rank: 1)
        let note = state.note.printable
        let noteWidth = note.isEmpty ? 0 : min(note.columns, Self.noteWidth) + 2
        let numbers = parts.text(width: width - Self.bar.lowerBound - 1 - noteWidth)
        let room = width - numbers.columns - 1 - noteWidth
        let bar = Bar.text(state.done, of: state.total, width: min(max(room, Self.bar.lowerBound), Self.bar.upperBound))
        return "\(bar) \(numbers)  \(note)"
    }

    private static func rate(_ bytes: Int64, _ time: Duration) -> Int64 {
        let seconds = time / .seconds(1)
        return seconds > 0 ? Int64(Double(bytes) / seconds) : 0
    }
}

import Synchronization

/// Writes problems as JSON on standard error for commands with `--json`, one object per line.
enum ProblemJSON {
    private static let isOn = Atomic(false)

    /// Decides from the arguments, because a wrong command line is a problem too.
    static func prepare(_ arguments: [String]) {
        let isAsked = arguments.prefix { $0 != "--" }.contains("--json")
        isOn.store(isAsked, ordering: .relaxed)
    }

    /// A problem that doesn't end the command; `nil` without `--json`.
    static func problem(_ sentence: String) -> String? {
        line { json in
            json.field("event", "problem")
            json.field("message", sentence)
        }
    }

    /// The error that ends the command; `nil` without `--json`.
    static func error(_ sentence: String, _ status: ExitStatus, hint: String? = nil) -> String? {
        line { json in
            json.field("event", "error")
            json.field("message", sentence)
            json.field("hint", hint)
            json.field("exit_code", status.rawValue)
        }
    }

    private static func line(_ body: (inout JSONWriter) -> Void) -> String? {
        guard isOn.load(ordering: .relaxed) else { return nil }
        return String(decoding: JSONWriter.line(body).dropLast(), as: UTF8.self)
    }
}

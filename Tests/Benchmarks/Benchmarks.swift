// Room: pieces-bench.
// Duty: numbers that can be had again: each benchmark is a word of the command line, makes its own input and prints what it measured.
// Owns: the input that it makes, in a temporary folder that it names and leaves there.
// Never: is a test: it judges nothing, so that a busy machine fails nothing.
// Invariants: the same arguments make the same input.

import Glibc

@main
struct Benchmarks {
    private static let usage = """
        usage: swift build -c release && .build/release/pieces-bench status [TORRENTS] [RUNS]

        status: how long `pieces status` takes in a database of so many torrents (10000), the median of so many runs (20). The program is the one
        that stands beside this one.

        """

    static func main() {
        let arguments = CommandLine.arguments.dropFirst()
        let numbers = arguments.dropFirst().map { Int($0) ?? 0 }
        guard arguments.first == "status", numbers.count <= 2, numbers.allSatisfy({ $0 > 0 }) else {
            end(with: usage, EX_USAGE)
        }
        do {
            try StatusBenchmark(torrents: numbers.first ?? 10_000, runs: numbers.dropFirst().first ?? 20).run()
        } catch {
            end(with: "pieces-bench: \(error)\n", EXIT_FAILURE)
        }
    }

    private static func end(with text: String, _ status: Int32) -> Never {
        // Where nobody reads it there is nobody to be told.
        _ = text.withCString { write(STDERR_FILENO, $0, strlen($0)) }
        exit(status)
    }
}

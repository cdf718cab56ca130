// Room: pieces-bench.
// Duty: numbers that can be had again: each benchmark is a word of the command line, makes its own input and prints
// what it measured.
// Owns: the input that it makes, in a temporary folder that it names and leaves there; payload is taken away again,
// because it is large.
// Never: is a test: times are told and not judged, so that a busy machine fails nothing. What `counts` compares is
// counted, and `siege` compares a peer with itself.
// Invariants: the same arguments make the same input; what is measured is the program that stands beside this one, as a
// process of its own.

import Glibc

@main
struct Benchmarks {
    /// One word of the command line.
    private struct Word: Sendable {
        let name: String
        let arguments: String
        let help: String
        /// `nil` when the arguments aren't those of the word.
        let make: @Sendable ([String]) -> (any Benchmark)?
    }

    private static let words = [
        Word(
            name: "status", arguments: "[TORRENTS] [RUNS]",
            help:
                "how long `pieces status` takes in a database of so many torrents (10000), the median of so many runs (20)",
            make: StatusBenchmark.init(arguments:)),
        Word(
            name: "add", arguments: "[TORRENTS] [PROGRAM...]",
            help:
                "how long `pieces add` takes while the database grows to so many torrents (100000), beside other programs where some are named",
            make: AddBenchmark.init(arguments:)),
        Word(
            name: "verify", arguments: "[GIB] [RUNS]",
            help:
                "how fast so many GiB (4) in the page cache are verified, in pieces of three lengths and as 10,000 files, the median of so many runs (5)",
            make: VerifyBenchmark.init(arguments:)),
        Word(
            name: "floor", arguments: "FILE",
            help:
                "reads the file and hashes it in pieces of 1 MiB on all processors, and does nothing else: to be timed",
            make: HashFloor.init(arguments:)),
        Word(
            name: "hash", arguments: "",
            help: "how fast each implementation of SHA-1 and SHA-256 is on one core, and which of them are chosen",
            make: HashBenchmark.init(arguments:)),
        Word(
            name: "growth", arguments: "[torrents|pieces|peers|files] [MOST] [PLOT.svg]",
            help:
                "how the cost grows, up to so many; a table, and a plot beside the input where no path is given; all four without a word",
            make: GrowthBenchmark.init(arguments:)),
        Word(
            name: "dht", arguments: "[lookups|libtorrent|restarts|dormant] [TORRENTS]",
            help:
                "how long lookups take in virtual time and beside libtorrent's, how soon after a restart a search is answered, and what announces of so many dormant torrents (100000) cost; all four without a word",
            make: DHTBenchmark.init(arguments:)),
        Word(
            name: "counts", arguments: "",
            help:
                "what can be counted, beside its thresholds; exit code 1 when one is exceeded, 69 when strace or perf isn't here",
            make: CountsBenchmark.init(arguments:)),
        Word(
            name: "magnet", arguments: "[RUNS] [PIECES]",
            help:
                "how soon the first block comes by a magnet link, beside the same by the .torrent, over round trips of 0 and 50 ms: medians of so many runs (7) of a torrent of so many pieces (14000)",
            make: MagnetBenchmark.init(arguments:)),
        Word(
            name: "webseed", arguments: "[GIB] [RUNS]",
            help:
                "how fast so many GiB (2) come from a web seed on this machine, beside curl with a sync, one peer, and other clients, the median of so many runs (3)",
            make: WebSeedBenchmark.init(arguments:)),
        Word(
            name: "custody", arguments: "[scrub|peer|import] [GIB|TORRENTS]",
            help:
                "how fast a scrub reads so many GiB (3), beside a plain reader past the page cache, how long a peer waits for blocks of so many GiB (2) meanwhile, and what the import of so many torrents (10000) costs; all without a word",
            make: CustodyBenchmark.init(arguments:)),
        Word(
            name: "siege", arguments: "[SECONDS] [ATTACK|names|comment|http]...",
            help:
                "what hostile hosts cost the engine and a good peer of 3 MB/s in so many seconds (10), by attack; exit code 1 when it is more than it may be",
            make: SiegeBenchmark.init(arguments:)),
    ]

    private static var usage: String {
        words.reduce(
            "usage: swift build -c release && .build/release/pieces-bench WORD; the input is made in TMPDIR, else in /tmp\n"
        ) {
            "\($0)\n\($1.name) \($1.arguments)\n    \($1.help)\n"
        }
    }

    static func main() {
        // A peer that hangs up is seen when it is written to.
        signal(SIGPIPE, SIG_IGN)
        let arguments = Array(CommandLine.arguments.dropFirst())
        guard let word = words.first(where: { $0.name == arguments.first }),
            let benchmark = word.make(Array(arguments.dropFirst()))
        else {
            end(with: usage, EX_USAGE)
        }
        do {
            try benchmark.run()
        } catch let error as BenchmarkError {
            end(with: "pieces-bench: \(error)\n", error.exitCode)
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

/// Something that is measured, with its arguments.
protocol Benchmark {
    func run() throws
}

/// Why there are no numbers: one sentence.
struct BenchmarkError: Error, CustomStringConvertible {
    let description: String
    /// As sysexits.h(3head) has them.
    let exitCode: Int32

    init(_ description: String, exitCode: Int32 = EXIT_FAILURE) {
        self.description = description
        self.exitCode = exitCode
    }
}

import ArgumentParser

/// The options for the output of a long-running command.
struct ReportOptions: ParsableArguments {
    @Flag(name: .shortAndLong, help: "Print only errors.")
    var quiet = false

    @Flag(help: "Print JSON, one object per line.")
    var json = false

    func validate() throws {
        guard !(quiet && json) else { throw ValidationError("give either --quiet or --json") }
    }
}

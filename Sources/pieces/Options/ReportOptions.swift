import ArgumentParser

/// How a long command tells of itself.
struct ReportOptions: ParsableArguments {
    @Flag(name: .shortAndLong, help: "Print nothing but errors.")
    var quiet = false

    @Flag(help: "Print JSON, one object a line.")
    var json = false

    func validate() throws {
        guard !(quiet && json) else { throw ValidationError("give one of --quiet and --json") }
    }
}

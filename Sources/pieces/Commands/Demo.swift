import ArgumentParser

/// `pieces demo`
struct Demo: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "demo",
        abstract: "Show a full download, kill and resume cycle on this machine, without a network.",
        discussion: """
            Creates a payload and a torrent in a temporary folder, seeds it on loopback from a second process, kills the \
            downloader with SIGKILL half-way, resumes it, and verifies the result. Then another process downloads the payload \
            by its magnet link alone. Last, a byte of the downloaded files rots, and an engine finds and repairs it. Takes less than a minute and leaves nothing behind.

            Examples:
              pieces demo

            Exit codes: 0 all steps succeeded; 1 a step failed; 130 interrupted.
            """)

    func run() async throws {
        let story = DemoStory(folder: try DemoFolder())
        try Interruption.catchFirst { story.abandon() }
        defer {
            story.abandon()
            story.folder.remove()
        }
        do {
            try await story.tell()
        } catch {
            // After an interruption, work that a killed process left unfinished doesn't count as a failed step.
            if Interruption.hasCome { throw ExitStatus.interrupted }
            throw error
        }
    }
}

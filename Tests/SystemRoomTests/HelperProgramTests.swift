import System
import Testing

struct HelperProgramTests {
    @Test func programReceivesItsInputAndEnvironment() async throws {
        let script = "read line; echo \"$line $WORD\" >&2; exit 3"
        let result = try await HelperProgram("/bin/sh", ["-c", script], environment: ["WORD": "b"]).run(
            input: Array("a\n".utf8), within: .seconds(900))
        #expect(result.ending == .exited(3) && result.errors == "a b\n" && !result.isSuccess)
    }

    /// More than a pipe holds.
    @Test func largeInputArrivesWhole() async throws {
        let input = [UInt8](repeating: 65, count: 1_000_000)
        let result = try await HelperProgram("/bin/sh", ["-c", "wc -c >&2"]).run(input: input, within: .seconds(900))
        #expect(result.isSuccess && result.errors == "1000000\n", "\(result)")
    }

    @Test func nameIsLookedUpInThePath() async throws {
        #expect(try await HelperProgram("true", []).run(within: .seconds(900)).isSuccess)
        await #expect(throws: (any Error).self) {
            try await HelperProgram("no-such-program-at-all", []).run(within: .seconds(900))
        }
    }

    /// What the program started ends with it, and a flood of output is cut.
    @Test func programThatTakesTooLongIsEndedWithItsChildren() async throws {
        let script = "trap '' TERM; yes >&2 & sleep 100000"
        let result = try await HelperProgram("/bin/sh", ["-c", script]).run(within: .milliseconds(200))
        #expect(result.ending == .tookTooLong)
        #expect(result.errors.utf8.count <= 4096)
    }

    @Test func programThatIgnoresItsInputDoesNotEndThisProcess() async throws {
        for _ in 0..<20 {
            let result = try await HelperProgram("true", []).run(
                input: [UInt8](repeating: 65, count: 600_000), within: .seconds(900))
            #expect(result.isSuccess)
        }
    }

    @Test func cancellationEndsTheProgram() async throws {
        let task = Task { try await HelperProgram("/bin/sh", ["-c", "sleep 1000"]).run(within: .seconds(1000)) }
        task.cancel()
        #expect(try await task.value.ending == .tookTooLong)
    }
}

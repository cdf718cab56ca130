import Store
import Torrent

/// Checks whether everything that was imported from other clients was hashed.
extension Checkup {
    func imports() throws -> [Diagnosis] {
        guard let sum = try connection.imports.sum(), sum.unhashed > 0 else { return [] }
        let verb = sum.unhashed == 1 ? "is" : "are"
        return [
            .notice(
                .files,
                "\(Format.count(sum.unhashed, "imported torrent")) \(verb) not hashed yet, so nothing of \(sum.unhashed == 1 ? "it" : "them") counts",
                engine.isRunning
                    ? "`pieces import --report` says when it ends; those that are paused need their disk and `pieces verify`"
                    : "`pieces run` hashes those that aren't paused, and `pieces verify` all whose files are there")
        ]
    }
}

import ArgumentParser
import Library
import SystemPackage
import Torrent

/// `pieces database share`
struct DatabaseShare: Command {
    static let configuration = CommandConfiguration(
        commandName: "share", abstract: "Let a group of users read the database, or show who can read it.",
        discussion: """
            Members of the group can run every command that only reads, such as `pieces status --database FILE`. They can read \
            the whole database, including tracker URLs, which often contain a passkey. Share it only with people who may use \
            your tracker accounts.

            Members can't change anything, and can't keep the engine from starting or writing. The lock file and the backups stay \
            private to you.

            The setting stays until `pieces database unshare`, also when the database is restored or repaired. You must be a \
            member of the group. Members need access to the folders above the database. `pieces` opens only its own folder \
            ($XDG_STATE_HOME/pieces) to them.

            Examples:
              pieces database share
              pieces database share media
            """)

    @Argument(
        help: ArgumentHelp(
            "Name or number of the group; without it, show who can read the database.", valueName: "group"))
    var group: String?

    @OptionGroup(title: "Global options", visibility: .hidden) var global: GlobalOptions

    func run() async throws {
        let path = try global.path
        // This rejects files that aren't a database of ours.
        _ = try global.openToLook()
        guard let group else { return tell(path) }
        try DatabaseUpkeep(path).share(with: group, opening: try global.ownFolder)
        tell(path)
    }

    private func tell(_ path: FilePath) {
        let name = path.text.printable
        switch DatabaseUpkeep(path).readers {
        case .owner(let owner):
            Terminal.shared.print(
                "\(name): only \(owner?.printable ?? "its owner") can read it")
        case .everyUser:
            Terminal.shared.print(
                "\(name): every user of this machine can read it, including tracker passkeys")
        case .group(let group, let obstacle):
            Terminal.shared.print(
                "\(name): members of the group \(group.printable) can read it, including tracker passkeys")
            guard let folder = obstacle else { return }
            Terminal.shared.complain(
                "members of the group \(group) have no access to the folder \(folder.text.printable): let them through, for example with "
                    + "`chgrp \(group) FOLDER && chmod g+x FOLDER`, or keep the database elsewhere with --database"
            )
        }
    }
}

/// `pieces database unshare`
struct DatabaseUnshare: Command {
    static let configuration = CommandConfiguration(
        commandName: "unshare", abstract: "Stop sharing the database.",
        discussion: """
            Programs that have the database open keep their access until they exit. Passkeys that others have read stay known to \
            them: change those at the tracker.

            Examples:
              pieces database unshare
            """)

    @OptionGroup(title: "Global options", visibility: .hidden) var global: GlobalOptions

    func run() async throws {
        let path = try global.path
        _ = try global.openToLook()
        let upkeep = DatabaseUpkeep(path)
        try upkeep.unshare(closing: try global.ownFolder)
        Terminal.shared.print(
            "\(path.text.printable): only \(upkeep.owner?.printable ?? "its owner") can read it")
    }
}

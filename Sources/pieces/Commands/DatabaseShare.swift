import ArgumentParser
import Library
import SystemPackage
import Torrent

/// `pieces database share`
struct DatabaseShare: Command {
    static let configuration = CommandConfiguration(
        commandName: "share", abstract: "Let a group of users read the database; show who may.",
        discussion: """
            Members of the group can run every command that only reads, such as `pieces status --database FILE`. They can read all of the database, and \
            with it the tracker URLs, which often have a passkey: share it only with people who may use your tracker accounts.

            Members can change nothing, and cannot keep the engine from starting or writing. The lock file and the backups stay yours alone.

            The setting holds until `pieces database unshare`, also for a database that is restored or salvaged. You have to be a member of the group. \
            Folders on the way to the database must let members through; only the folder that `pieces` makes for itself ($XDG_STATE_HOME/pieces) is \
            opened to them.

            Examples:
              pieces database share
              pieces database share media
            """)

    @Argument(
        help: ArgumentHelp(
            "The name or number of the group; without it, show who may read the database.", valueName: "group"))
    var group: String?

    @OptionGroup(title: "Global options") var global: GlobalOptions

    func run() async throws {
        let path = try global.path
        // Refuses what isn't a database of ours.
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
                "\(name): only \(owner?.printable ?? "its owner") may read it")
        case .everybody:
            Terminal.shared.print(
                "\(name): every user of this machine may read it, with the passkeys of trackers in it")
        case .group(let group, let obstacle):
            Terminal.shared.print(
                "\(name): the group \(group.printable) may read it, with the passkeys of trackers in it")
            guard let folder = obstacle else { return }
            Terminal.shared.complain(
                "the folder \(folder.text.printable) keeps the group \(group) out: let its members through, for example with "
                    + "`chgrp \(group) FOLDER && chmod g+x FOLDER`, or keep the database elsewhere with --database"
            )
        }
    }
}

/// `pieces database unshare`
struct DatabaseUnshare: Command {
    static let configuration = CommandConfiguration(
        commandName: "unshare", abstract: "Let nobody else read the database any more.",
        discussion: """
            A program that has the database open keeps its access until it ends, and what was read is known: change passkeys that others must not have.

            Examples:
              pieces database unshare
            """)

    @OptionGroup(title: "Global options") var global: GlobalOptions

    func run() async throws {
        let path = try global.path
        _ = try global.openToLook()
        let upkeep = DatabaseUpkeep(path)
        try upkeep.unshare(closing: try global.ownFolder)
        Terminal.shared.print(
            "\(path.text.printable): only \(upkeep.owner?.printable ?? "its owner") may read it")
    }
}

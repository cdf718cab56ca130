import Store

/// A subject that `pieces help NAME` explains.
struct HelpTopic {
    let name: String
    let text: String

    static var all: [HelpTopic] { [torrents, database, signals, HelpTopic(name: "json", text: JSONTopic.text)] }

    static let exitCodes = """
        Exit codes: 0 done; 1 failed; 2 the download is incomplete, or a verification
        or the doctor found a problem; 64 wrong usage; 130 interrupted.
        """

    private static let torrents = HelpTopic(
        name: "torrents",
        text: """
            How to name torrents

            SOURCE, the argument of `download` and `add`, is a .torrent file or its http(s)
            URL. `download` also accepts a torrent that is in the database; a .torrent file
            of that name wins.

            TORRENT, the argument of all other commands, is one of these, in this order:
              3              the number that `pieces status` shows
              9b3c           the first digits of the info hash, at least \(TorrentTable.hashPrefixDigits)
              debian.iso     the name
              '*.iso'        a glob: * any characters, ? one character, [a-z] one of a set;
                             commands for several torrents then work on all that match
              deb            the beginning of the name, if only one torrent begins so

            `pause`, `resume`, `remove`, `limit` and `verify` have --all. `remove --all`
            needs --yes too, and `remove --dry-run` shows what would be removed.

            """)

    private static let database = HelpTopic(
        name: "database",
        text: """
            The database

            All state is in one SQLite database: the file given with --database, or else in
            PIECES_DATABASE, or else $XDG_STATE_HOME/pieces/pieces.db, where XDG_STATE_HOME
            is ~/.local/state unless it is set. `pieces database path` prints it. The first
            `add`, `download` or `run` creates it with its folder.

            A running engine locks the database. All other commands work meanwhile, and the
            engine applies what they change.

            A running engine makes backups beside the database. If the database is gone and
            a backup is there, no command starts an empty one: `pieces database restore`
            brings the newest backup back. `pieces run` and `pieces download` repair a
            damaged database when they start, and keep the damaged file.

            `pieces database --help` lists the commands that check, back up, restore, repair
            and share the database.

            """)

    private static let signals = HelpTopic(
        name: "signals",
        text: """
            Signals, exit codes and lost output

            SIGINT, SIGTERM, SIGQUIT and SIGHUP stop a command cleanly. A second signal
            other than SIGHUP stops it at once. SIGUSR1 and SIGUSR2 are ignored.

            \(exitCodes)

            Results are printed on standard output; errors and messages on standard error.
            Commands that do work continue when their output can no longer be written, and
            their exit code reports only the work. Commands that only print information then
            exit with 1, unless the reader has closed the pipe early, as `head` does.

            --log-level sets the verbosity of messages on standard error: trace, debug,
            info, notice, warning (the default), error or critical.

            """)
}

import ArgumentParser
import Library
import System
import SystemPackage
import Torrent

/// `pieces install`
struct Install: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "install", abstract: "Install this program with its man pages and shell completions.",
        discussion: """
            Copies the running program to PREFIX/bin/pieces, and writes man pages and completions for bash, zsh and fish. \
            Installing again upgrades: a running engine keeps using the old program until it is restarted, and the next command \
            that writes to the database migrates it. `pieces service install` adds a systemd service.

            Examples:
              sudo pieces install
              pieces install --prefix ~/.local
            """)

    @OptionGroup var place: InstallPlace

    func run() async throws {
        let installation = Installation(prefix: try place.path)
        let program = try await Self.program()
        try installation.put(
            [.init(InstallPlace.program, program, isExecutable: true), InstallPlace.mark(of: program)] + Self.pages
                + Self.completions)
        Terminal.shared.print(
            "installed pieces in \(installation.prefix.text.printable): bin/pieces, \(Format.count(Self.pages.count, "man page")), completions for bash, zsh and fish"
        )
        let bin = installation.prefix.appending("bin").text
        let path = GlobalOptions.environment("PATH") ?? ""
        if !path.split(separator: ":").contains(bin[...]) {
            Terminal.shared.print(
                "add \(bin.printable) to your PATH, for example in ~/.profile: PATH=\"\(bin.printable):$PATH\"")
        }
    }

    private static let stripTime = Duration.seconds(120)

    /// This program, without symbols if strip(1) is there: they are two thirds of the file, and only debuggers read
    /// them.
    private static func program() async throws -> [UInt8] {
        // Not /proc/self, which would be strip(1) itself.
        let own = FilePath(text: "/proc/\(ThisProcess.id)/exe")
        // A folder that only this user may use: no one else can put a link where strip(1) writes.
        let folder = try PathCalls.makeTemporaryFolder("/tmp/pieces-install-")
        let scratch = folder.appending("pieces")
        defer {
            // What can't be removed from /tmp does no harm.
            do { try PathCalls.removeFile(scratch) } catch {}
            do { try PathCalls.removeFolder(folder) } catch {}
        }
        do {
            let strip = HelperProgram("strip", ["-o", scratch.text, own.text])
            if try await strip.run(within: stripTime).isSuccess { return try InstallPlace.contents(scratch) }
        } catch is Errno {}
        return try InstallPlace.contents(own)
    }

    static var pages: [Installation.Item] {
        CommandTree.all.map { Installation.Item(ManualPage($0).path, Array(ManualPage($0).render().utf8)) }
    }

    static var completions: [Installation.Item] {
        [
            .init("share/bash-completion/completions/pieces", Array(Pieces.completionScript(for: .bash).utf8)),
            .init("share/zsh/site-functions/_pieces", Array(Pieces.completionScript(for: .zsh).utf8)),
            .init("share/fish/vendor_completions.d/pieces.fish", Array(Pieces.completionScript(for: .fish).utf8)),
        ]
    }
}

/// `pieces uninstall`
struct Uninstall: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "uninstall", abstract: "Remove what `pieces install` installed; torrents and the database stay.",
        discussion: """
            A program at PREFIX/bin/pieces that `pieces install` didn't put there stays.

            Examples:
              sudo pieces uninstall
              pieces uninstall --prefix ~/.local
            """)

    @OptionGroup var place: InstallPlace

    func run() throws {
        let installation = Installation(prefix: try place.path)
        let isOurs = try InstallPlace.isOurs(installation)
        var paths = (Install.pages + Install.completions).map(\.path)
        if isOurs { paths = [InstallPlace.program] + paths }
        // The mark is what proves the program, so it goes last.
        let removed = try installation.remove(paths) + installation.remove([InstallPlace.mark])
        if !isOurs, installation.has(InstallPlace.program) {
            Terminal.shared.complain(
                "kept \(installation.prefix.appending("bin/pieces").text.printable): `pieces install` did not put it there"
            )
        }
        Terminal.shared.print(
            removed.isEmpty
                ? "nothing of pieces is installed in \(installation.prefix.text.printable)"
                : "removed \(Format.count(removed.count, "file")) from \(installation.prefix.text.printable); torrents, settings and the database stay"
        )
    }
}

/// Where the program is installed.
struct InstallPlace: ParsableArguments {
    static let program = "bin/pieces"
    /// The file with the SHA-256 of the program that was installed.
    static let mark = "share/pieces/installed.sha256"

    @Option(
        help: ArgumentHelp(
            "Folder to install in. Default: /usr/local for root, ~/.local for others.", valueName: "dir"),
        completion: .directory)
    var prefix: String?

    var path: FilePath {
        get throws {
            if let prefix { return try NewFile.absolute(prefix) }
            if ThisProcess.isRoot { return FilePath("/usr/local") }
            guard let home = GlobalOptions.environment("HOME"), home.hasPrefix("/") else {
                throw Failure.usage("HOME is not set: give a folder with --prefix")
            }
            return FilePath(text: home).appending(".local")
        }
    }

    static func mark(of program: [UInt8]) -> Installation.Item { .init(mark, Array(digest(program).utf8)) }

    private static func digest(_ program: [UInt8]) -> String { "\(Hex.encode(SHA256.hash(program)))\n" }

    /// Whether the program in its place is the one that `pieces install` put there, or this program itself.
    static func isOurs(_ installation: Installation) throws -> Bool {
        guard installation.has(program) else { return false }
        let bytes = try contents(installation.path(program))
        if installation.has(mark), try contents(installation.path(mark)) == Array(digest(bytes).utf8) { return true }
        return try contents(FilePath(text: "/proc/\(ThisProcess.id)/exe")) == bytes
    }

    /// The whole content of a file.
    static func contents(_ path: FilePath) throws -> [UInt8] {
        do {
            let file = try FileDescriptor.open(path, .readOnly, options: .closeOnExec)
            return try file.closeAfter {
                let size = Int(try file.seek(offset: 0, from: .end))
                try file.seek(offset: 0, from: .start)
                var bytes = [UInt8](repeating: 0, count: size)
                var filled = 0
                while filled < size {
                    let count = try bytes.withUnsafeMutableBytes {
                        try file.read(into: UnsafeMutableRawBufferPointer(rebasing: $0[filled...]))
                    }
                    guard count > 0 else { break }
                    filled += count
                }
                return Array(bytes.prefix(filled))
            }
        } catch let error as Errno {
            throw Failure("cannot read \(path.text.printable): \(error)")
        }
    }
}

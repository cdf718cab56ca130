import ArgumentParser
import Disk
import Library
import Store
import Torrent

/// `pieces volumes`
struct Volumes: Command, AnsweringCommand {
    static let configuration = CommandConfiguration(
        commandName: "volumes",
        abstract: "List the volumes that torrents are on, with their space; name them, and set their reserves.",
        discussion: """
            A volume is a mounted file system. It is recognized by its UUID wherever it is mounted. A volume that \
            isn't in its place makes its torrents offline: nothing is created, downloaded or forgotten until it is \
            back.

            --reserve sets how much downloads and moves leave free; a torrent that doesn't fit waits in the state no \
            space. --mark writes a small file, \(Self.sentinel), to the root of the volume, by which it is recognized \
            even after a copy to another disk, and distinguished from a clone with the same UUID. A volume that no torrent \
            is on yet is named by its mount point.

            Examples:
              pieces volumes
              pieces volumes /mnt/archive --name archive --reserve 50G
              pieces volumes archive --mark
              pieces volumes archive --json

            Exit codes: 0 done; 1 not done; 2 a volume with torrents is not in its place; 64 wrong usage.
            """)

    private static let sentinel = VolumeSentinel.name

    @Argument(
        help: ArgumentHelp(
            "Volumes by number, name, mount point or UUID, or a folder on one. Default: all of them.",
            valueName: "volume"))
    var volumes: [String] = []

    @Option(help: ArgumentHelp("Name the volume; `none` removes its name.", valueName: "name"))
    var name: String?

    @Option(
        help: ArgumentHelp(
            "Bytes to leave free (50G), `none`, or `default` for the setting `reserve`.", valueName: "size"))
    var reserve: String?

    @Flag(help: "Write a file to the volume's root by which it is recognized.")
    var mark = false

    @Flag(help: "Remove that file.")
    var unmark = false

    @Flag(help: "Forget a volume that no torrent is on.")
    var forget = false

    @Flag(help: "Print JSON; see `pieces help json`.")
    var json = false

    @OptionGroup(title: "Global options", visibility: .hidden) var global: GlobalOptions

    private var isChange: Bool { name != nil || reserve != nil || mark || unmark || forget }
    /// A change is work, which counts even if the report can't be written.
    var answers: Bool { !isChange }

    func validate() throws {
        guard !(mark && unmark) else { throw ValidationError("give either --mark or --unmark") }
        guard !isChange || !volumes.isEmpty else { throw ValidationError("name the volume to change") }
        guard name == nil || volumes.count == 1 else { throw ValidationError("a name is for one volume") }
        guard !forget || (name == nil && reserve == nil && !mark && !unmark) else {
            throw ValidationError("--forget can't be combined with other changes")
        }
        _ = try reserveChange
    }

    private var reserveChange: Library.VolumeChange.Reserve? {
        get throws {
            switch reserve?.lowercased() {
            case nil: return nil
            case "default": return .standard
            case "none": return .bytes(0)
            case let text?:
                guard let bytes = Quantity.bytes(text) else {
                    throw ValidationError("--reserve needs a size such as 50G, or none, or default")
                }
                return .bytes(bytes)
            }
        }
    }

    func run() async throws {
        guard isChange else { return try await show(Library(try global.openToLook())) }
        let library = Library(try global.openToChange())
        if forget {
            for volume in volumes {
                let row = try library.forgetVolume(volume)
                if !json { Terminal.shared.print("forgot the volume \(row.title.printable)") }
            }
            return
        }
        var change = Library.VolumeChange()
        change.name = name.map { $0.lowercased() == "none" ? .unnamed : .named($0) }
        change.reserve = try reserveChange
        if mark || unmark { change.isMarked = mark }
        let ids = try volumes.map { "\(try library.volumeToChange($0).id.rawValue)" }
        for id in ids { try library.change(id, change) }
        try await print(library.volumes(ids, reserve: try global.settings.reserve))
    }

    private func show(_ library: Library) async throws {
        let reports = try await library.volumes(volumes, reserve: try global.settings.reserve)
        try print(reports)
        if reports.contains(where: \.isMissed) { throw ExitStatus.incomplete }
    }

    private func print(_ reports: [VolumeReport]) throws {
        Terminal.shared.print(bytes: json ? object(reports) : Array(text(reports).utf8))
    }

    private func text(_ reports: [VolumeReport]) -> String {
        guard !reports.isEmpty else {
            return "no volume is known yet: `pieces run` records the volume of each torrent\n"
        }
        let now = Timestamp.now()
        var table = Table(
            [
                .right("ID"), .left("NAME"), .left("STATE"), .right("TORRENTS"), .right("BYTES"), .right("FREE"),
                .right("RESERVE"), .left("VERIFIED"), .right("DAMAGED"), .left("OFFLINE SINCE"), .left("MOUNT POINT"),
            ], flexible: 10, droppable: [9, 6])
        for report in reports {
            table.add([
                "\(report.row.id.rawValue)", (report.row.name ?? "").printable,
                String(report.state.word.map { $0 == "_" ? " " : $0 }),
                Format.count(report.torrents), Format.bytes(report.tally?.completedBytes ?? 0),
                report.space.map { Format.bytes($0.freeBytes) } ?? "",
                report.reserve > 0 ? Format.bytes(report.reserve) : "",
                report.tally?.oldestVerified.map { "\(Format.time(now - $0)) ago" } ?? "",
                report.damage.map { Format.count($0.standing) } ?? "",
                report.offlineSince.map { Format.moment($0) } ?? "", report.row.mountPath.printable,
            ])
        }
        let width = Terminal.shared.isInteractive ? Terminal.shared.size.width - 1 : nil
        let notes = reports.flatMap(\.notes)
        return table.text(width: width) + (notes.isEmpty ? "" : "\n" + notes.joined(separator: "\n") + "\n")
    }

    private func object(_ reports: [VolumeReport]) -> [UInt8] {
        JSONWriter.line { json in
            json.array("volumes", reports) { json, report in
                json.object { json in
                    let row = report.row
                    json.field("id", row.id.rawValue)
                    json.field("name", row.name)
                    json.field("identity", row.identity)
                    json.path("mount_path", "mount_path_bytes", row.mountPath)
                    json.field("state", report.state.word)
                    json.field("torrents", report.torrents)
                    json.field("torrents_offline", report.tally?.offline ?? 0)
                    json.field("completed_bytes", report.tally?.completedBytes ?? 0)
                    json.field("missing_bytes", report.tally?.missingBytes ?? 0)
                    json.field("free_bytes", report.space?.freeBytes)
                    json.field("total_bytes", report.space?.totalBytes)
                    json.field("reserve_bytes", report.reserve)
                    json.field("oldest_verified_at", report.tally?.oldestVerified?.rawValue)
                    json.field("damaged_pieces", report.damage?.standing ?? 0)
                    json.field("repaired_pieces", report.damage?.repaired ?? 0)
                    json.field("last_seen", row.lastSeen.rawValue)
                    json.field("offline_since", report.offlineSince?.rawValue)
                    json.field("marked", row.sentinel != nil)
                    json.field("other_machine", row.isForeign)
                    json.strings("notes", report.notes)
                }
            }
        }
    }
}

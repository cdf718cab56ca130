import Engine
import Torrent

/// The settings of the program, by the names that files, `pieces settings` and, in upper case after `PIECES_`, the
/// environment use.
package enum SettingKey: String, CaseIterable, Sendable {
    case database
    case output
    case incompleteFolder = "incomplete-folder"
    case allocate
    case watch
    case watchOutput = "watch-output"
    case listenPort = "listen-port"
    case bind
    case pex
    case lsd
    case dht
    case dhtBootstrap = "dht-bootstrap"
    case dhtReadOnly = "dht-read-only"
    case maxPeers = "max-peers"
    case downloadLimit = "download-limit"
    case uploadLimit = "upload-limit"
    case alternativeHours = "alternative-hours"
    case alternativeDownloadLimit = "alternative-download-limit"
    case alternativeUploadLimit = "alternative-upload-limit"
    case maxDownloads = "max-downloads"
    case maxSeeds = "max-seeds"
    case maxChecks = "max-checks"
    case seedGoal = "seed-goal"
    case reserve
    case backupInterval = "backup-interval"
    case backupCount = "backup-count"
    case onComplete = "on-complete"
    case onDamage = "on-damage"
    case onOffline = "on-offline"
    case onDiskFull = "on-disk-full"

    /// When a changed value takes effect in a running engine.
    package enum Effect: Sendable {
        /// Within a few seconds of `pieces settings set`, or after SIGHUP.
        case soon
        /// At the next start of the engine.
        case nextRun
        /// For the commands that follow.
        case nextCommand
    }

    /// What the setting does, in one line.
    package var summary: String {
        switch self {
        case .database: "database file"
        case .output: "folder for new torrents of `add` and `download`"
        case .incompleteFolder: "folder for new torrents until they are complete; then they move to their own"
        case .allocate: "disk space of new torrents: sparse (as pieces arrive) or full (at the start)"
        case .watch: "folder in which `pieces run` looks for .torrent files to add"
        case .watchOutput: "folder for the files of torrents that were added from the watch folder"
        case .listenPort: "TCP port for incoming peers; 0 picks any free port"
        case .bind: "local IP address for all connections"
        case .pex: "whether peers tell each other of peers: on or off"
        case .lsd: "whether peers are looked for on the local network: on or off"
        case .dht: "whether peers are looked for in the DHT: on or off"
        case .dhtBootstrap: "nodes with which the DHT begins (host:port, separated by spaces), or none"
        case .dhtReadOnly:
            "whether queries of DHT nodes stay unanswered: on, off, or auto (on while they can't reach us)"
        case .maxPeers: "maximum number of connections for all torrents together"
        case .downloadLimit: "maximum download rate of `pieces run` in bytes per second, or none"
        case .uploadLimit: "maximum upload rate of `pieces run` in bytes per second, or none"
        case .alternativeHours: "local times at which the alternative limits hold, such as mon-fri 08:00-18:00"
        case .alternativeDownloadLimit: "download-limit during alternative-hours, or none"
        case .alternativeUploadLimit: "upload-limit during alternative-hours, or none"
        case .maxDownloads: "maximum number of torrents that download at once, or none"
        case .maxSeeds: "maximum number of complete torrents that have peers at once, or none"
        case .maxChecks: "maximum number of torrents that are checked at once, or none"
        case .seedGoal: "how long `pieces run` seeds: forever, none, a ratio (1.5) or a time (30d)"
        case .reserve: "bytes that downloads and moves leave free on each volume; `pieces volumes` sets it for one"
        case .backupInterval: "time between backups of the database"
        case .backupCount: "number of backups to keep; 0 turns backups off"
        case .onComplete: "command to run when a torrent is complete"
        case .onDamage: "command to run when damaged pieces are found on disk"
        case .onOffline: "command to run when a torrent's disk or folder is gone"
        case .onDiskFull: "command to run when a disk is full"
        }
    }

    /// The value that applies without the setting, in words.
    package var standard: String {
        switch self {
        case .database: "$XDG_STATE_HOME/pieces/pieces.db"
        case .output: "the current folder"
        case .allocate: "sparse"
        case .incompleteFolder, .watch, .alternativeHours: "not set"
        case .alternativeDownloadLimit: "download-limit"
        case .alternativeUploadLimit: "upload-limit"
        case .watchOutput: "output, or else the watch folder"
        case .listenPort: "6881, or the next free port"
        case .bind: "any address"
        case .pex, .lsd, .dht: "on"
        case .dhtBootstrap: DHTOptions.publicServers.joined(separator: " ")
        case .dhtReadOnly: "auto"
        case .maxPeers: "500"
        case .downloadLimit, .uploadLimit, .maxSeeds: "none"
        case .maxDownloads: "\(SlotLimits().downloads ?? 0)"
        case .maxChecks: "\(SlotLimits().checks ?? 0)"
        case .seedGoal: "forever"
        case .reserve: "0"
        case .backupInterval: "1d"
        case .backupCount: "3"
        case .onComplete, .onDamage, .onOffline, .onDiskFull: "not set"
        }
    }

    package var effect: Effect {
        switch self {
        case .database, .output, .incompleteFolder, .allocate: .nextCommand
        case .listenPort, .bind, .pex, .lsd, .dht, .dhtBootstrap, .dhtReadOnly: .nextRun
        case .watch, .watchOutput, .maxPeers, .downloadLimit, .uploadLimit, .alternativeHours,
            .alternativeDownloadLimit, .alternativeUploadLimit, .maxDownloads, .maxSeeds, .maxChecks, .seedGoal,
            .reserve,
            .backupInterval, .backupCount, .onComplete, .onDamage, .onOffline, .onDiskFull:
            .soon
        }
    }

    /// Whether the value can be stored in a database; the path of the database can't.
    package var isStorable: Bool { self != .database }

    package var isPath: Bool { [.database, .output, .incompleteFolder, .watch, .watchOutput].contains(self) }

    /// The name of the environment variable.
    package var variable: String { "PIECES_" + rawValue.uppercased().map { $0 == "-" ? "_" : $0 } }

    /// The key in the table `setting`.
    var storedKey: String { "option.\(rawValue)" }

    /// The setting of this name, which may be written with `_` instead of `-`. An unknown name is an error that names
    /// the nearest known one.
    package init(named name: String) throws(Failure) {
        let plain = String(name.lowercased().map { $0 == "_" ? "-" : $0 })
        if let key = SettingKey(rawValue: plain) {
            self = key
            return
        }
        let nearest = NearestName.of(plain, among: Self.allCases.map(\.rawValue))
        throw .usage(
            "there is no setting \"\(name.printable)\""
                + (nearest.map { ": did you mean \($0)?" } ?? "; `pieces settings` lists all of them"))
    }
}

package import Engine
package import Recovery
package import Store
import System
package import SystemPackage
package import Torrent

/// The settings that apply, each with its origin.
///
/// From the strongest: the environment, the database (`pieces settings set`), the user's file, the system's file.
/// Options of a command are stronger than all of them.
package struct Settings: Sendable {
    /// Where a value comes from.
    package enum Origin: Hashable, Sendable {
        case standard
        case file(FilePath)
        case database
        /// The name of an environment variable.
        case environment(String)

        /// In words, for a table.
        package var text: String {
            switch self {
            case .standard: "default"
            case .file(let path): path.text.printable
            case .database: "database"
            case .environment(let name): "$\(name)"
            }
        }
    }

    /// A setting that has a value.
    package struct Entry: Hashable, Sendable {
        package let value: SettingValue
        package let origin: Origin
    }

    /// Where settings come from besides the database.
    package struct Sources: Sendable {
        /// The files, the weakest first.
        package var files: [FilePath]
        package var environment: [String: String]

        package init(files: [FilePath], environment: [String: String]) {
            self.files = files
            self.environment = environment
        }

        /// The files of the system and of the user, by the XDG Base Directory Specification.
        package init(environment: [String: String]) {
            var files = [FilePath("/etc/pieces/pieces.toml")]
            if let config = environment["XDG_CONFIG_HOME"], config.utf8.first == UInt8(ascii: "/") {
                files.append(FilePath(text: config).appending(["pieces", "pieces.toml"]))
            } else if let home = environment["HOME"], home.utf8.first == UInt8(ascii: "/") {
                files.append(FilePath(text: home).appending([".config", "pieces", "pieces.toml"]))
            }
            self.init(files: files, environment: environment)
        }

        var home: String? { environment["HOME"] }
    }

    private var entries: [SettingKey: Entry] = [:]

    /// Reads the files and the environment; ``add(_:)`` adds the values of a database.
    package init(_ sources: Sources) throws(Failure) {
        for path in sources.files {
            guard let file = try SettingsFile(path, home: sources.home) else { continue }
            for (key, value) in file.values { entries[key] = Entry(value: value, origin: .file(path)) }
        }
        for key in SettingKey.allCases {
            guard let text = sources.environment[key.variable], !text.isEmpty else { continue }
            let value: SettingValue
            if key == .database {
                // It was a variable before there were settings, and may be relative to the current folder.
                value = SettingValue(unchecked: text, for: key)
            } else {
                do throws(BadValue) { value = try SettingValue(text, for: key, home: sources.home) } catch {
                    throw .usage("\(key.variable)=\(text.printable): \(error.description)")
                }
            }
            entries[key] = Entry(value: value, origin: .environment(key.variable))
        }
    }

    /// Adds the values that the database holds. A value that this version doesn't accept is left out.
    package mutating func add(_ connection: Connection) throws(StoreError) {
        for (key, value) in try connection.storedSettings() {
            if case .environment = entries[key]?.origin { continue }
            entries[key] = Entry(value: value, origin: .database)
        }
    }

    private func value<Value>(_ key: SettingKey, _ read: (SettingValue) throws -> Value) -> Value? {
        guard let entry = entries[key] else { return nil }
        // Every value was checked when it was read.
        do { return try read(entry.value) } catch { return nil }
    }

    package func origin(_ key: SettingKey) -> Origin { entries[key]?.origin ?? .standard }
    package func text(_ key: SettingKey) -> String? { entries[key]?.value.text }
    /// Bytes that stay free on volumes without a reserve of their own.
    package var reserve: Int64 { value(.reserve) { try $0.reserve } ?? 0 }
    package var allocatesFull: Bool? { value(.allocate) { try $0.allocatesFull } }
    package var backups: BackupSettings? {
        let interval = value(.backupInterval) { try $0.interval }
        let count = value(.backupCount) { try $0.backups }
        guard interval != nil || count != nil else { return nil }
        var settings = BackupSettings()
        if let interval { settings.interval = interval }
        if let count { settings.count = count }
        return settings
    }

    /// Changes the engine's settings to these.
    package func apply(to settings: inout EngineSettings) {
        if let port = value(.listenPort, { try $0.port }) {
            settings.listenPort = port
            settings.listenPortIsFixed = true
        }
        if let host = value(.bind, { try $0.host }) { settings.bind = host }
        if let isOn = value(.pex, { try $0.isOn }) { settings.usesPeerExchange = isOn }
        settings.usesLocalDiscovery = value(.lsd) { try $0.isOn } ?? true
        settings.dht = value(.dht, { try $0.isOn }) == false ? nil : dht
        settings.reserve = reserve
        if let rate = value(.downloadLimit, { try $0.rate }) {
            settings.downloadLimit = rate.limit.map { Int($0) }
        }
        if let rate = value(.uploadLimit, { try $0.rate }) {
            settings.uploadLimit = rate.limit.map { Int($0) }
        }
        settings.alternativeLimits = value(.alternativeHours) { try $0.hours }.map { hours in
            AlternativeLimits(
                hours: hours, download: alternative(.alternativeDownloadLimit),
                upload: alternative(.alternativeUploadLimit))
        }
        if let count = count(.maxPeers)?.limit { settings.maximumPeers = count }
        if let count = count(.maxDownloads) { settings.slots.downloads = count.limit }
        if let count = count(.maxSeeds) { settings.slots.seeds = count.limit }
        if let count = count(.maxChecks) { settings.slots.checks = count.limit }
        if let goal = value(.seedGoal, { try $0.goal }) { settings.seedGoal = goal }
    }

    /// Whether the alternative limits hold at the time; `nil` without `alternative-hours`.
    package func alternativeLimitsHold(now: Timestamp) -> Bool? {
        value(.alternativeHours) { try $0.hours }.flatMap { hours in
            CalendarTime(local: now.rawValue).map { hours.contains($0) }
        }
    }

    private func alternative(_ key: SettingKey) -> AlternativeLimits.Limit {
        value(key) { try $0.rate }.map { .rate($0.limit.map { Int($0) }) } ?? .usual
    }

    private var dht: DHTOptions {
        var options = DHTOptions()
        if let nodes = value(.dhtBootstrap, { try $0.nodes }) {
            options.entries = nodes
            options.usesPublicServers = false
        }
        options.isReadOnly = value(.dhtReadOnly) { try $0.isReadOnly } ?? nil
        return options
    }

    private func count(_ key: SettingKey) -> CountLimit? { value(key) { try $0.count } }
}

extension Connection {
    /// The settings that `pieces settings set` stored, without those that this version doesn't accept.
    fileprivate func storedSettings() throws(StoreError) -> [SettingKey: SettingValue] {
        var values: [SettingKey: SettingValue] = [:]
        for row in try settings.rows() {
            guard let key = SettingKey.allCases.first(where: { $0.storedKey == row.key }) else { continue }
            do throws(BadValue) { values[key] = try SettingValue(row.value, for: key, home: nil) } catch { continue }
        }
        return values
    }
}

extension Library {
    /// Stores a setting for this database; `nil` removes it. A running engine applies it.
    package func set(_ key: SettingKey, _ value: SettingValue?) throws {
        guard key.isStorable else {
            throw Failure.usage(
                "the path of the database can't be stored in the database: set it in a settings file, or with PIECES_DATABASE"
            )
        }
        try connection.transaction { () throws(StoreError) in
            try connection.settings.set(key.storedKey, value?.text)
            try connection.intents.append(.settings, now: .now())
        }
    }
}

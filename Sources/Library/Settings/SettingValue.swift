import Engine
import Recovery
import Store
import Torrent

/// A valid value of a setting, in the user's notation.
package struct SettingValue: Hashable, Sendable {
    package let key: SettingKey
    package let text: String

    /// Checks the value. Paths may begin with `~/`, which stands for `home`; other relative paths are refused, because
    /// a setting applies to commands in all folders.
    package init(_ text: String, for key: SettingKey, home: String?) throws(BadValue) {
        self.key = key
        var text = text
        if key.isPath {
            if text == "~" || text.hasPrefix("~/"), let home { text = home + text.dropFirst() }
            guard text.utf8.first == UInt8(ascii: "/") else {
                throw BadValue("give an absolute path, or one that begins with ~/")
            }
        }
        self.text = text
        try check()
    }

    /// A value that needs no check.
    init(unchecked text: String, for key: SettingKey) {
        self.key = key
        self.text = text
    }

    private func check() throws(BadValue) {
        switch key {
        case .database, .output, .incompleteFolder, .watch, .watchOutput: break
        case .allocate: _ = try allocatesFull
        case .listenPort: _ = try port
        case .bind: _ = try host
        case .pex, .lsd, .dht: _ = try isOn
        case .dhtBootstrap: _ = try nodes
        case .dhtReadOnly: _ = try isReadOnly
        case .maxPeers, .maxDownloads, .maxSeeds, .maxChecks: _ = try count
        case .downloadLimit, .uploadLimit, .alternativeDownloadLimit, .alternativeUploadLimit: _ = try rate
        case .alternativeHours: _ = try hours
        case .seedGoal: _ = try goal
        case .reserve: _ = try reserve
        case .backupInterval: _ = try interval
        case .backupCount: _ = try backups
        case .onComplete, .onDamage, .onOffline, .onDiskFull:
            guard !text.allSatisfy(\.isWhitespace) else { throw BadValue("give a command, or unset it") }
        }
    }

    var allocatesFull: Bool {
        get throws(BadValue) {
            switch text.lowercased() {
            case "full": true
            case "sparse": false
            default: throw BadValue("give sparse or full")
            }
        }
    }

    var port: Int {
        get throws(BadValue) {
            guard let number = Quantity.digits(text), (0...65535).contains(number) else {
                throw BadValue("give a number from 0 to 65535")
            }
            return Int(number)
        }
    }

    var host: PeerAddress.Host {
        get throws(BadValue) {
            guard let host = PeerAddress.Host(text) else {
                throw BadValue("give an IPv4 or IPv6 address of this machine")
            }
            return host
        }
    }

    var isOn: Bool {
        get throws(BadValue) {
            switch text.lowercased() {
            case "on", "true", "yes": true
            case "off", "false", "no": false
            default: throw BadValue("give on or off")
            }
        }
    }

    /// `nil` for `auto`.
    var isReadOnly: Bool? {
        get throws(BadValue) {
            if text.lowercased() == "auto" { return nil }
            do throws(BadValue) { return try isOn } catch { throw BadValue("give on, off or auto") }
        }
    }

    /// The nodes, of which there are none for `none`.
    var nodes: [MagnetPeer] {
        get throws(BadValue) {
            if text.lowercased() == "none" { return [] }
            var nodes: [MagnetPeer] = []
            for part in text.split(whereSeparator: { $0.isWhitespace || $0 == "," }) {
                nodes.append(try DHTOptions.node(String(part)))
            }
            guard !nodes.isEmpty else { throw BadValue("give host:port, or none") }
            return nodes
        }
    }

    var count: CountLimit { get throws(BadValue) { try CountLimit(text) } }
    var rate: Rate { get throws(BadValue) { try Rate(text) } }

    var hours: WeeklyHours {
        get throws(BadValue) {
            guard let hours = WeeklyHours(text) else {
                throw BadValue(
                    "give local times such as 08:00-18:00, mon-fri 08:00-18:00 or sat,sun 22:00-06:00, separated by `;`"
                )
            }
            return hours
        }
    }

    var goal: SeedGoal {
        get throws(BadValue) {
            switch text.lowercased() {
            case "forever": return .forever
            case "none": return .none
            default:
                if let ratio = Double(text), ratio >= 0, ratio.isFinite { return .ratio(ratio) }
                do throws(BadValue) { return .time(try TimeSpan.parse(text)) } catch {
                    throw BadValue("give forever, none, a ratio such as 1.5, or a time such as 30d")
                }
            }
        }
    }

    var reserve: Int64 {
        get throws(BadValue) {
            if text.lowercased() == "none" { return 0 }
            guard let bytes = Quantity.bytes(text) else { throw BadValue("give a size such as 10G or 500M, or none") }
            return bytes
        }
    }

    var interval: Duration {
        get throws(BadValue) {
            let time = try TimeSpan.parse(text)
            guard BackupSettings.intervals.contains(time) else { throw BadValue("give a time from 1m to 52w") }
            return time
        }
    }

    var backups: Int {
        get throws(BadValue) {
            guard let number = Quantity.digits(text).map({ Int($0) }), BackupSettings.counts.contains(number) else {
                throw BadValue("give a number from 0 to \(BackupSettings.countLimit)")
            }
            return number
        }
    }
}

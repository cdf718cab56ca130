package import SystemPackage
import Torrent

/// The unit with which systemd runs `pieces run` (systemd.service(5)).
package struct ServiceUnit: Sendable {
    /// For whom the service runs.
    package enum Owner: Hashable, Sendable {
        /// The whole machine; the process runs as this user.
        case system(user: String)
        /// The user who installs it; the process ends when the user has logged out, unless lingering is on.
        case user
    }

    package static let name = "pieces.service"
    /// How our own units begin.
    private static let mark = "# Written by `pieces service install`"

    /// Whether a unit file with this text may be replaced or removed.
    package static func isOurs(_ text: some StringProtocol) -> Bool { text.hasPrefix(mark) }

    /// The folder below /var/lib that systemd makes for the database of a system service.
    private static let stateName = "pieces"

    package let owner: Owner
    package let program: FilePath

    package init(_ owner: Owner, program: FilePath) {
        self.owner = owner
        self.program = program
    }

    /// The database of a system service.
    package static let systemDatabase = "/var/lib/\(stateName)/pieces.db"

    package var text: String {
        """
        \(Self.mark). To change it, use `systemctl edit pieces`.
        [Unit]
        Description=pieces BitTorrent client
        Documentation=man:pieces(1)
        After=network-online.target
        Wants=network-online.target

        [Service]
        Type=notify
        NotifyAccess=main
        ExecStart=\(Self.quoted(program.text)) run --quiet
        ExecReload=/bin/kill -HUP $MAINPID
        Restart=on-failure
        RestartSec=5s
        WatchdogSec=2min
        TimeoutStartSec=10min
        TimeoutStopSec=1min
        KillMode=mixed
        LimitNOFILE=65536
        UMask=0027
        \(identity)
        \(hardening.joined(separator: "\n"))

        [Install]
        WantedBy=\(owner == .user ? "default.target" : "multi-user.target")

        """
    }

    private var identity: String {
        guard case .system(let user) = owner else { return "# State is in your own folders." }
        return """
            User=\(user)
            StateDirectory=\(Self.stateName)
            StateDirectoryMode=0750
            Environment=PIECES_DATABASE=\(Self.systemDatabase)
            """
    }

    /// The payload may be in any folder, so the file system isn't read-only as a whole, and homes aren't hidden.
    private var hardening: [String] {
        let ofAll = [
            "NoNewPrivileges=yes", "LockPersonality=yes", "RestrictRealtime=yes", "SystemCallArchitectures=native",
            "MemoryDenyWriteExecute=yes", "RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX AF_NETLINK",
            "SystemCallFilter=@system-service", "SystemCallErrorNumber=EPERM",
        ]
        guard owner != .user else { return ofAll }
        return ofAll + [
            "CapabilityBoundingSet=", "ProtectSystem=full", "PrivateTmp=yes", "PrivateDevices=yes", "ProtectClock=yes",
            "ProtectControlGroups=yes", "ProtectHostname=yes", "ProtectKernelLogs=yes", "ProtectKernelModules=yes",
            "ProtectKernelTunables=yes", "ProtectProc=invisible", "RestrictNamespaces=yes", "RestrictSUIDSGID=yes",
        ]
    }

    /// The declaration of the service's user (sysusers.d(5)); `nil` if it runs as an existing user.
    package var sysusers: String? {
        guard case .system(let user) = owner else { return nil }
        return "u \(user) - \"pieces BitTorrent client\" /var/lib/\(Self.stateName)\n"
    }

    /// A word of a unit file, in which spaces separate words and % begins a specifier.
    private static func quoted(_ text: String) -> String {
        let escaped = text.flatMap { character -> [Character] in
            switch character {
            case "%": ["%", "%"]
            case "$": ["$", "$"]
            case "\"", "\\": ["\\", character]
            default: [character]
            }
        }
        return text.contains { " \t\"'\\".contains($0) } ? "\"\(String(escaped))\"" : String(escaped)
    }
}

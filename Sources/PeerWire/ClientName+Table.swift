extension ClientName {
    /// The meaning of the four version digits in a peer ID, which each client defines for itself.
    enum VersionStyle {
        /// The version has three parts, as in 4.6.5; the fourth digit is a build or 0.
        case three
        /// The version has four parts, as in 5.7.6.0.
        case four
        /// Major and minor version have two digits each: 02 08 is 2.8.
        case majorAndMinor
        /// Major and minor version have two digits each, and the minor version keeps its zero: 01 71 is 1.71 and 02 02
        /// is 2.02.
        case majorAndPaddedMinor
        /// The style of Transmission: 2.94 up to version 3, 4.0.5 since then.
        case transmission

        /// Formats the four digits as a version.
        func text(_ digits: [Int]) -> String {
            precondition(digits.count == 4)
            switch self {
            case .three: return "\(digits[0]).\(digits[1]).\(digits[2])"
            case .four: return "\(digits[0]).\(digits[1]).\(digits[2]).\(digits[3])"
            case .majorAndMinor: return "\(digits[0] * 10 + digits[1]).\(digits[2] * 10 + digits[3])"
            case .majorAndPaddedMinor: return "\(digits[0] * 10 + digits[1]).\(digits[2])\(digits[3])"
            case .transmission where digits[0] < 4: return "\(digits[0]).\(digits[1])\(digits[2])"
            case .transmission: return Self.three.text(digits)
            }
        }
    }

    /// The Azureus-style clients (BEP 20) in use today, by their two letters.
    static let azureusClients: [String: (name: String, version: VersionStyle)] = [
        "7T": ("aTorrent", .three),
        "AG": ("Ares", .three),
        "AZ": ("Vuze", .four),
        "BC": ("BitComet", .majorAndPaddedMinor),
        "BI": ("BiglyBT", .four),
        "BT": ("BitTorrent", .three),
        "CT": ("CTorrent", .three),
        "DE": ("Deluge", .three),
        "FD": ("Free Download Manager", .three),
        "FL": ("Folx", .three),
        "FW": ("FrostWire", .three),
        "GT": ("anacrolix/torrent", .four),
        "HL": ("Halite", .three),
        "KT": ("KTorrent", .three),
        "LT": ("libtorrent", .three),
        "LW": ("LimeWire", .three),
        "MG": ("MediaGet", .three),
        "MO": ("MonoTorrent", .three),
        "PE": ("pieces", .three),
        "PI": ("PicoTorrent", .three),
        "SD": ("Xunlei", .four),
        "ST": ("SymTorrent", .three),
        "SZ": ("Shareaza", .four),
        "TL": ("Tribler", .three),
        "TR": ("Transmission", .transmission),
        "UE": ("µTorrent Embedded", .three),
        "UM": ("µTorrent Mac", .three),
        "UT": ("µTorrent", .three),
        "UW": ("µTorrent Web", .three),
        "WD": ("WebTorrent Desktop", .majorAndMinor),
        "WW": ("WebTorrent", .majorAndMinor),
        "XL": ("Xunlei", .four),
        "ZO": ("Zona", .three),
        "lt": ("rTorrent", .three),
        "qB": ("qBittorrent", .three),
        "rQ": ("rqbit", .three),
    ]

    /// The clients that write their versions in decimal with hyphens, by the prefix of their peer IDs.
    static let hyphenatedClients: [(prefix: String, name: String)] = [("A2-", "aria2"), ("M", "BitTorrent")]

    /// The Shadow-style clients (BEP 20), by their letter.
    static let shadowClients: [UInt8: String] = [
        UInt8(ascii: "A"): "ABC",
        UInt8(ascii: "O"): "Osprey Permaseed",
        UInt8(ascii: "Q"): "BTQueue",
        UInt8(ascii: "R"): "Tribler",
        UInt8(ascii: "S"): "Shadow's client",
        UInt8(ascii: "T"): "BitTornado",
        UInt8(ascii: "U"): "UPnP NAT BitTorrent",
    ]
}

package import Torrent

/// Converts peer IDs to names for display, such as "Transmission 4.0.5" (BEP 20). A peer may claim any name, so no
/// decision depends on it.
package enum ClientName {
    /// The maximum number of bytes that are used of a name that a peer sends.
    package static let maximumBytes = 128
    /// The name for a peer ID that follows no convention.
    package static let unknown = "unknown client"

    /// The client's name, with its version if the peer ID contains one.
    package static func describe(_ peerID: PeerID) -> String {
        let id = peerID.bytes
        return azureus(id) ?? hyphenated(id) ?? tixati(id) ?? shadow(id) ?? unknown
    }

    /// A name that a peer sent, without characters that could disturb a terminal; `nil` if nothing is left. Invalid
    /// UTF-8 is replaced.
    package static func displayable(_ bytes: [UInt8]) -> String? {
        let text = String(decoding: bytes.prefix(maximumBytes), as: UTF8.self)
        var shown = String.UnicodeScalarView()
        for scalar in text.unicodeScalars {
            switch scalar.properties.generalCategory {
            case .control, .format, .lineSeparator, .paragraphSeparator, .privateUse, .unassigned: continue
            default: shown.append(scalar)
            }
        }
        return shown.isEmpty ? nil : String(shown)
    }

    /// Reads the Azureus style: `-XXvvvv-` and 12 arbitrary bytes.
    private static func azureus(_ id: [UInt8]) -> String? {
        guard id[0] == UInt8(ascii: "-"), id[7] == UInt8(ascii: "-") else { return nil }
        guard id[1...2].allSatisfy({ (0x21...0x7e).contains($0) }) else { return nil }
        let code = String(decoding: id[1...2], as: UTF8.self)
        let client = azureusClients[code] ?? (name: code, version: .three)
        return name(client.name, digits(id[3...6]).map { client.version.text($0) })
    }

    /// Reads a letter and decimal numbers separated by hyphens, as in `M7-10-5-`; aria2 writes `A2-1-36-0-`.
    private static func hyphenated(_ id: [UInt8]) -> String? {
        for (prefix, client) in hyphenatedClients where id.starts(with: prefix.utf8) {
            let fields = id.dropFirst(prefix.utf8.count).prefix(10).split(
                separator: UInt8(ascii: "-"), omittingEmptySubsequences: false
            ).prefix(3)
            let numbers = fields.map { field in field.count <= 3 ? UInt16(String(decoding: field, as: UTF8.self)) : nil
            }
            guard numbers.count == 3, !numbers.contains(nil) else { continue }
            return name(client, numbers.compactMap { $0.map { String($0) } }.joined(separator: "."))
        }
        return nil
    }

    /// Reads Tixati's own style, as in `TIX0320-`.
    private static func tixati(_ id: [UInt8]) -> String? {
        guard id.starts(with: "TIX".utf8) else { return nil }
        return name("Tixati", digits(id[3...6]).map { VersionStyle.majorAndMinor.text($0) })
    }

    /// Reads the Shadow style: a letter, up to five base-64 digits and three hyphens, as in `S58B-----`.
    private static func shadow(_ id: [UInt8]) -> String? {
        guard let client = shadowClients[id[0]], id[6...8].allSatisfy({ $0 == UInt8(ascii: "-") }) else { return nil }
        let version = id[1...5].prefix { $0 != UInt8(ascii: "-") }
        guard !version.isEmpty, id[1...5].dropFirst(version.count).allSatisfy({ $0 == UInt8(ascii: "-") }) else {
            return nil
        }
        return digits(version, smallLettersFrom: 36).map { name(client, $0.map { String($0) }.joined(separator: ".")) }
    }

    private static func name(_ client: String, _ version: String?) -> String {
        version.map { "\(client) \($0)" } ?? client
    }

    /// The values of the digits: `0` to `9`, then letters from 10; lower-case letters begin at `smallLettersFrom`.
    /// Returns `nil` if there is any other byte.
    private static func digits(_ bytes: ArraySlice<UInt8>, smallLettersFrom small: Int = 10) -> [Int]? {
        var values: [Int] = []
        for byte in bytes {
            switch byte {
            case UInt8(ascii: "0")...UInt8(ascii: "9"): values.append(Int(byte - UInt8(ascii: "0")))
            case UInt8(ascii: "A")...UInt8(ascii: "Z"): values.append(Int(byte - UInt8(ascii: "A")) + 10)
            case UInt8(ascii: "a")...UInt8(ascii: "z"): values.append(Int(byte - UInt8(ascii: "a")) + small)
            default: return nil
            }
        }
        return values
    }
}

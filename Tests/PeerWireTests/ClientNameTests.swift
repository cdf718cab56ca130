import NIOCore
import PeerWire
import Testing
import Torrent

@Suite struct ClientNameTests {
    @Test(arguments: [
        ("-TR4050-", "Transmission 4.0.5"), ("-TR2940-", "Transmission 2.94"), ("-TR3000-", "Transmission 3.00"),
        ("-qB4650-", "qBittorrent 4.6.5"), ("-DE13F0-", "Deluge 1.3.15"), ("-DE211s-", "Deluge 2.1.1"),
        ("-LT20B0-", "libtorrent 2.0.11"),
        ("-lt0D80-", "rTorrent 0.13.8"), ("-UT355W-", "µTorrent 3.5.5"), ("-BT7a5S-", "BitTorrent 7.10.5"),
        ("-AZ5760-", "Vuze 5.7.6.0"),
        ("-BC0171-", "BitComet 1.71"), ("-BC0202-", "BitComet 2.02"), ("-WW0208-", "WebTorrent 2.8"),
        ("-PE0100-", "pieces 0.1.0"),
        ("-ZZ1234-", "ZZ 1.2.3"), ("-TR4.~-x", "unknown client"), ("-FD51~z-", "Free Download Manager"),
        ("A2-1-36-0-", "aria2 1.36.0"), ("A2-1-3x-0-", "unknown client"), ("M7-10-5--", "BitTorrent 7.10.5"),
        ("M4-3-6--", "BitTorrent 4.3.6"),
        ("TIX0320-", "Tixati 3.20"), ("S58B-----", "Shadow's client 5.8.11"), ("T03I-----", "BitTornado 0.3.18"),
        ("A310-----", "ABC 3.1.0"),
        ("S5-8B----", "unknown client"), ("", "unknown client"), ("-\u{1b}[1234-", "unknown client"),
    ]) func clientNamesAreDecoded(_ start: String, _ name: String) throws {
        #expect(ClientName.describe(try Self.peerID(start)) == name)
    }

    /// Every peer id has a name, and none of them disturbs a terminal.
    @Test func everyPeerIDHasASafeName() throws {
        let starts = ["", "-", "-qB", "-TR", "-AZ", "-BC", "M", "A2-", "TIX", "S"]
        for seed in 0..<5_000 as Range<UInt64> {
            var generator = SeededGenerator(seed: seed)
            var bytes = Array(generator.bytes(20).readableBytesView)
            bytes.replaceSubrange(
                0..<starts[Int(seed) % starts.count].utf8.count, with: starts[Int(seed) % starts.count].utf8)
            if seed % 3 == 0 { bytes[7] = UInt8(ascii: "-") }
            let name = ClientName.describe(try #require(PeerID(bytes)))
            #expect(
                !name.isEmpty && name.unicodeScalars.allSatisfy { $0.value >= 0x20 && $0.value != 0x7f },
                "seed \(seed): \(bytes)")
        }
    }

    @Test(arguments: [
        ("qBittorrent/4.6.5", "qBittorrent/4.6.5"), ("µTorrent 3.5.5", "µTorrent 3.5.5"),
        ("\u{1b}[2Jx\n\u{202e}y\u{7f}", "[2Jxy"), ("", nil),
        ("\u{0}\u{1}", nil),
    ]) func controlCharactersAreRemoved(_ text: String, _ shown: String?) {
        #expect(ClientName.displayable(Array(text.utf8)) == shown)
    }

    @Test func displayedNameIsLimited() {
        #expect(
            ClientName.displayable(Array(repeating: UInt8(ascii: "x"), count: 10_000))?.utf8.count
                == ClientName.maximumBytes)
        #expect(ClientName.displayable([0xff, 0x41]) == "\u{fffd}A")
    }

    private static func peerID(_ start: String) throws -> PeerID {
        let bytes = Array(start.utf8)
        return try #require(PeerID(bytes + Array(repeating: UInt8(ascii: "z"), count: 20 - bytes.count)))
    }
}

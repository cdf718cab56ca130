package import Torrent

/// A packet from a client to a UDP tracker (BEP 15); all numbers are in network order.
package enum UDPTrackerRequestPacket: Hashable, Sendable {
    case connect(transaction: UInt32)
    /// `urlData` is the path and query of the tracker's URL (BEP 41); empty if there is none.
    case announce(connection: UInt64, transaction: UInt32, AnnounceRequest, urlData: String)
    case scrape(connection: UInt64, transaction: UInt32, [InfoHash])

    /// The constant in place of a connection ID in a connect request.
    private static let protocolID: UInt64 = 0x417_2710_1980
    /// The maximum number of URL bytes that are sent, so that the packet stays below the 1,280 bytes that every IPv6
    /// path carries.
    package static let maximumURLData = 1020

    package var bytes: [UInt8] {
        var bytes: [UInt8] = []
        switch self {
        case .connect(let transaction):
            bytes.append(bigEndian: Self.protocolID)
            bytes.append(bigEndian: UDPTrackerAction.connect.rawValue)
            bytes.append(bigEndian: transaction)
        case .announce(let connection, let transaction, let request, let urlData):
            bytes.append(bigEndian: connection)
            bytes.append(bigEndian: UDPTrackerAction.announce.rawValue)
            bytes.append(bigEndian: transaction)
            Self.append(request, to: &bytes)
            Self.append(urlData: urlData, to: &bytes)
        case .scrape(let connection, let transaction, let infoHashes):
            bytes.append(bigEndian: connection)
            bytes.append(bigEndian: UDPTrackerAction.scrape.rawValue)
            bytes.append(bigEndian: transaction)
            for infoHash in infoHashes { bytes += infoHash.bytes }
        }
        return bytes
    }

    private static func append(_ request: AnnounceRequest, to bytes: inout [UInt8]) {
        bytes += request.infoHash.bytes
        bytes += request.peerID.bytes
        for count in [request.downloaded, request.left, request.uploaded] { bytes.append(bigEndian: max(0, count)) }
        let event: UInt32 =
            switch request.event {
            case nil: 0
            case .completed: 1
            case .started: 2
            case .stopped: 3
            }
        bytes.append(bigEndian: event)
        // The address 0 makes the tracker use the sender's address.
        bytes.append(bigEndian: UInt32(0))
        bytes.append(bigEndian: request.key)
        bytes.append(bigEndian: request.numberWanted)
        bytes.append(bigEndian: request.port)
    }

    /// Appends options in the form kind, length, content: kind 2 is URLData, in parts of at most 255 bytes; 0 ends the
    /// options (BEP 41).
    private static func append(urlData: String, to bytes: inout [UInt8]) {
        var rest = Array(urlData.utf8)[...]
        guard !rest.isEmpty, rest.count <= maximumURLData else { return }
        while !rest.isEmpty {
            let part = rest.prefix(255)
            bytes += [2, UInt8(part.count)]
            bytes += part
            rest = rest.dropFirst(255)
        }
        bytes.append(0)
    }
}

/// A packet from a UDP tracker (BEP 15).
package enum UDPTrackerResponsePacket: Hashable, Sendable {
    case connect(transaction: UInt32, connection: UInt64)
    case announce(transaction: UInt32, AnnounceResponse)
    case scrape(transaction: UInt32, [ScrapeResponse.Counts])
    case error(transaction: UInt32, message: String)

    package var transaction: UInt32 {
        switch self {
        case .connect(let transaction, _), .announce(let transaction, _), .scrape(let transaction, _),
            .error(let transaction, _):
            transaction
        }
    }

    /// Reads only the transaction ID; `nil` if the datagram is too short.
    package static func transaction(of bytes: [UInt8]) -> UInt32? {
        var reader = PacketReader(bytes)
        guard reader.next(UInt32.self) != nil else { return nil }
        return reader.next(UInt32.self)
    }

    /// Reads a datagram. The address family that it came over determines whether the peers of an announce are IPv4 or
    /// IPv6.
    package init(_ bytes: [UInt8], overIPv6 isIPv6: Bool) throws(TrackerError) {
        var reader = PacketReader(bytes)
        guard let action = reader.next(UInt32.self), let transaction = reader.next(UInt32.self) else {
            throw .truncated("a packet of \(bytes.count) bytes has no transaction id")
        }
        switch UDPTrackerAction(rawValue: action) {
        case .connect:
            guard let connection = reader.next(UInt64.self) else {
                throw .truncated("a packet of \(bytes.count) bytes has no connection id")
            }
            self = .connect(transaction: transaction, connection: connection)
        case .announce:
            guard !reader.rest.isEmpty else {
                // opentracker's answer; it has no packet of an error for this.
                throw .failure(reason: "it sent an empty answer, as for a torrent that it doesn't track", retry: nil)
            }
            guard let interval = reader.next(UInt32.self), let leechers = reader.next(UInt32.self),
                let seeders = reader.next(UInt32.self)
            else {
                throw .truncated("a packet of \(bytes.count) bytes is too short for an announce response")
            }
            var peers = PeerCollector(limit: AnnounceResponse.maximumPeers)
            peers.add(compact: reader.rest, isIPv6: isIPv6)
            let response = AnnounceResponse(
                interval: .seconds(interval), complete: Int(seeders), incomplete: Int(leechers), peers: peers.peers)
            self = .announce(transaction: transaction, response)
        case .scrape:
            var counts: [ScrapeResponse.Counts] = []
            while let complete = reader.next(UInt32.self), let downloaded = reader.next(UInt32.self),
                let incomplete = reader.next(UInt32.self)
            {
                counts.append(.init(complete: Int(complete), downloaded: Int(downloaded), incomplete: Int(incomplete)))
            }
            self = .scrape(transaction: transaction, counts)
        case .error:
            self = .error(transaction: transaction, message: Printable.text(reader.rest))
        case nil:
            throw .malformed("a packet has the unknown action \(action)")
        }
    }
}

/// The kinds of packets, numbered as in BEP 15.
enum UDPTrackerAction: UInt32 {
    case connect, announce, scrape, error
}

/// Reads numbers in network order until the bytes end.
private struct PacketReader {
    private(set) var rest: ArraySlice<UInt8>

    init(_ bytes: [UInt8]) { rest = bytes[...] }

    mutating func next<Number: FixedWidthInteger>(_: Number.Type) -> Number? {
        let width = Number.bitWidth / 8
        guard rest.count >= width else { return nil }
        defer { rest = rest.dropFirst(width) }
        return rest.prefix(width).reduce(0) { $0 << 8 | Number(truncatingIfNeeded: $1) }
    }
}

extension [UInt8] {
    fileprivate mutating func append(bigEndian number: some FixedWidthInteger) {
        for shift in stride(from: number.bitWidth - 8, through: 0, by: -8) {
            append(UInt8(truncatingIfNeeded: number >> shift))
        }
    }
}

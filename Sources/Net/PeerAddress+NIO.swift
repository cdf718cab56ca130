package import NIOCore
package import Torrent

extension PeerAddress {
    /// Converts an address from NIO; `nil` for a Unix domain socket.
    package init?(_ address: SocketAddress) {
        let isIPv6: Bool
        switch address {
        case .v4: isIPv6 = false
        case .v6: isIPv6 = true
        case .unixDomainSocket: return nil
        }
        // The port is at offset 2 in both families, and the host at 4 or 8, in network order (ip(7), ipv6(7)). The zone
        // of a link-local address is dropped, because a peer address can't store it.
        self =
            address.withSockAddr { name, length in
                let bytes = UnsafeRawBufferPointer(start: name, count: length)
                func number<Number: FixedWidthInteger>(at offset: Int, _: Number.Type = Number.self) -> Number {
                    Number(bigEndian: bytes.loadUnaligned(fromByteOffset: offset, as: Number.self))
                }
                let host: Host = isIPv6 ? .v6(number(at: 8), number(at: 16)) : .v4(number(at: 4))
                return PeerAddress(host, port: number(at: 2))
            }.unmapped
    }

    /// The address in NIO's form.
    package var native: SocketAddress? {
        var bytes = ByteBuffer()
        let compact = compact
        bytes.writeBytes(compact.dropLast(2))
        do { return try SocketAddress(packedIPAddress: bytes, port: Int(port)) } catch { return nil }
    }

    /// The address in NIO's form.
    package var socketAddress: SocketAddress {
        get throws { try SocketAddress(ipAddress: hostDescription, port: Int(port)) }
    }
}

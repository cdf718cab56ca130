package import Torrent

extension DHTNode {
    /// What happens to the node.
    package enum Event: Sendable {
        /// The UDP socket of a family is open, on the port at which peers are accepted too. The searches are begun
        /// before anything else is sent, in this family only; each is answered as ``search(_:)`` is.
        case opened(AddressFamily, searching: [DHTSearch] = [])
        case closed(AddressFamily)
        /// The network of a family has changed: an address came or went, or the machine was suspended.
        case networkChanged(AddressFamily)
        /// A datagram that begins with `d`.
        case received([UInt8], from: PeerAddress)
        /// Addresses of nodes that the user gave.
        case given([PeerAddress])
        /// Addresses that may be those of nodes: a peer sent `port`, or a tracker or peer exchange named a peer.
        case heardOf([PeerAddress])
        /// The addresses of bootstrap servers; answers ``Effect/resolveRouters``, with none if no name could be
        /// resolved.
        case resolved([PeerAddress])
        /// Search for peers, and announce; answered by one ``Effect/ended(_:)`` for each open family, or by one if none
        /// is open, unless it is forgotten.
        case search(DHTSearch)
        /// Ends everything that was begun for a torrent: it is stopped or removed, or its metadata says that it is
        /// private. No effect names it from then on.
        case forget(PublicInfoHash)
        /// Dormant torrents whose announces are due, the most urgent first; answers ``Effect/needDue(most:)``. Each is
        /// then answered as a search is.
        case due([DHTDueAnnounce])
        case readOnly(Bool)
        /// The time of ``nextWake`` has come.
        case wake
    }

    /// An action for the shell to perform.
    package enum Effect: Equatable, Sendable {
        /// Send a datagram from the socket of the address's family. Losing it does no harm.
        case send([UInt8], to: PeerAddress)
        /// Peers of a torrent were found; the same peer is reported once a search.
        case found(PublicInfoHash, [PeerAddress])
        case ended(DHTSearchResult)
        /// There are too few nodes: resolve the names of the bootstrap servers; answered by ``Event/resolved(_:)``.
        case resolveRouters
        /// Read at most so many dormant torrents whose announces are due, and mark them so that they aren't read again;
        /// answered by ``Event/due(_:)``.
        case needDue(most: Int)
        /// Enough nodes of different networks agree that this is our address.
        case externalAddress(PeerAddress.Host)
    }
}

package import NIOCore
import NIOPosix
package import PeerWire
package import Torrent

/// Owns a connection until its torrent is known. Its methods are called on the connection's event loop.
package protocol PeerConnectionOwner: AnyObject, Sendable {
    /// A peer has connected to us. Close the connection if it isn't wanted.
    func arrived(_ connection: PeerConnection)
    /// An incoming connection that arrived has completed both handshakes, or has closed; called once.
    func left(_ connection: PeerConnection)
    /// An incoming peer has named its torrent. Answer, now or later, with ``PeerConnection/attach(to:sending:)`` or
    /// ``PeerConnection/close()``.
    func identified(_ connection: PeerConnection, infoHash: InfoHash)
}

/// Handles the connections of one torrent. Its methods are called on the connection's event loop.
package protocol PeerConnectionDelegate: AnyObject, Sendable {
    /// Both handshakes are complete.
    func opened(_ connection: PeerConnection, theirs: Handshake)
    /// A read has delivered these messages, in order. The blocks are slices of the receive buffer, so don't keep them.
    func received(_ messages: [PeerMessage], from connection: PeerConnection)
    /// The socket has no more data for now.
    func readEnded(_ connection: PeerConnection)
    /// The connection has closed; called once, even if the connection never opened.
    func closed(_ connection: PeerConnection, because reason: String)
}

/// One peer's connection, from the handshake to the close: framing, batches of messages and pauses. The bytes come from
/// and go to a ``PeerTransport``.
///
/// `@unchecked Sendable`: the connection is confined to its event loop, which is also the executor of its owner and of
/// its delegate. Any hand-over between them happens on that loop.
package final class PeerConnection: ChannelInboundHandler, @unchecked Sendable {
    package typealias InboundIn = ByteBuffer
    package typealias OutboundOut = ByteBuffer

    package enum Direction: Equatable, Sendable {
        case incoming
        case outgoing(PeerAddress)
    }

    /// The maximum time for a peer's handshake.
    package static let handshakeTimeout = TimeAmount.seconds(15)
    /// The maximum time for which a peer may accept none of the data that we send.
    private static let deafAfter = TimeAmount.seconds(60)
    /// The maximum number of messages per batch, and the capacity that is kept between batches. A read of blocks has
    /// fewer messages, but a read of keep-alives can have 250,000, and each takes ten times its wire size in memory.
    private static let mostTogether = 1024
    private static let usuallyTogether = 64
    /// The capacity in bytes of the buffer in which small messages are collected for one write.
    private static let outgoingCapacity = 4096

    private enum State {
        /// The handshake is incomplete; an incoming peer's torrent isn't known yet.
        case opening(ByteBuffer)
        /// The torrent of an incoming peer is being looked up.
        case identified(ByteBuffer)
        case open
        case closed
    }

    package let direction: Direction
    /// The address of the other end. The port is the peer's listening port only for outgoing connections.
    package private(set) var remote: PeerAddress?
    /// A number that the delegate may attach to the connection.
    package var tag: UInt32?
    /// The bytes of an unfinished message that the delegate has counted; stored for the delegate.
    package var countedBytes = 0
    /// A number that the owner attaches to the connection until the connection leaves the owner.
    package var unidentifiedNumber: UInt64?

    private let memory: ReadBuffer
    private weak var owner: (any PeerConnectionOwner)?
    private weak var delegate: (any PeerConnectionDelegate)?
    private var state = State.opening(ByteBuffer())
    private var expected: InfoHash?
    private var ours: Handshake?
    private var decoder = PeerMessageDecoder()
    private var messages: [PeerMessage] = []
    /// `nil` while there is no channel.
    private var transport: PeerTransport?
    private var outgoing = ByteBuffer()
    private var deadline: Scheduled<Void>?
    private var closeReason: String?
    /// The reasons for which reading is suspended.
    private var holds: Holds = []
    private var deafness: Scheduled<Void>?

    private struct Holds: OptionSet {
        let rawValue: Int
        /// The torrent is being looked up; data from the peer stays in the kernel meanwhile.
        static let unanswered = Holds(rawValue: 1)
        /// The peer has cost us too many resources.
        static let resting = Holds(rawValue: 2)
        /// The peer doesn't read the data that it requested.
        static let deaf = Holds(rawValue: 4)
    }

    /// Creates an incoming connection.
    init(owner: any PeerConnectionOwner, reading memory: ReadBuffer) {
        self.owner = owner
        self.memory = memory
        direction = .incoming
    }

    /// Creates an outgoing connection, which sends its handshake first.
    init(
        to address: PeerAddress, delegate: any PeerConnectionDelegate, sending ours: Handshake,
        reading memory: ReadBuffer
    ) {
        self.memory = memory
        direction = .outgoing(address)
        remote = address
        self.delegate = delegate
        self.ours = ours
        expected = ours.infoHash
    }

    /// The number of buffered bytes of an incomplete message.
    package var unfinishedBytes: Int { decoder.bufferedBytes }

    /// The number of pieces in the torrent, against which bitfields are checked.
    package var pieceCount: Int? {
        get { decoder.pieceCount }
        set { decoder.pieceCount = newValue }
    }

    // MARK: What the delegate says

    /// Answers the incoming peer after its torrent was found; all later events go to `delegate`.
    package func attach(to delegate: any PeerConnectionDelegate, sending ours: Handshake) {
        guard case .identified(let bytes) = state, let transport else {
            return delegate.closed(self, because: closeReason ?? "closed")
        }
        self.delegate = delegate
        self.ours = ours
        expected = ours.infoHash
        state = .opening(bytes)
        say(ours, transport)
        goOn(.unanswered, transport)
        continueHandshake(transport)
    }

    /// Passes the open connection to another delegate, which receives all later events. Returns whether the connection
    /// is still open.
    package func pass(to delegate: any PeerConnectionDelegate) -> Bool {
        guard case .open = state, closeReason == nil else { return false }
        self.delegate = delegate
        tag = nil
        return true
    }

    /// Appends a message, which is sent with the next ``flush()``.
    package func send(_ message: PeerMessage) {
        if outgoing.capacity == 0 { outgoing.reserveCapacity(Self.outgoingCapacity) }
        PeerMessageEncoder.append(message, to: &outgoing)
    }

    /// Sends a buffer of whole messages after all earlier messages. `onWrite` receives whether the socket accepted the
    /// buffer.
    package func send(_ frames: ByteBuffer, onWrite: @escaping @Sendable (Bool) -> Void) {
        guard let transport, case .open = state else { return onWrite(false) }
        writeOutgoing(transport)
        transport.write(frames, onWrite: onWrite)
    }

    package func flush() {
        guard let transport else { return }
        writeOutgoing(transport)
        transport.flush()
    }

    /// Announces that at least `bytes` will arrive at about `rate` bytes per second, so that the transport can collect
    /// some of them before it wakes us.
    package func expect(bytes: Int, rate: Double) {
        guard let transport, case .open = state else { return }
        do { try transport.expect(bytes: bytes, rate: rate) } catch { close(because: "\(error)") }
    }

    package func close(because reason: String = "closed by us") {
        if closeReason == nil { closeReason = reason }
        guard let transport else { return }
        flush()
        transport.close()
    }

    /// Suspends reading for `time`.
    package func rest(for time: TimeAmount) {
        guard let transport, !holds.contains(.resting) else { return }
        hold(.resting, transport)
        transport.loop.scheduleTask(in: time) { [weak self] in
            guard let self, let transport = self.transport else { return }
            self.goOn(.resting, transport)
        }
    }

    private func hold(_ reason: Holds, _ transport: PeerTransport) {
        let isNew = holds.isEmpty
        holds.insert(reason)
        if isNew { setReading(false, transport) }
    }

    private func goOn(_ reason: Holds, _ transport: PeerTransport) {
        guard holds.contains(reason) else { return }
        holds.remove(reason)
        if holds.isEmpty { setReading(true, transport) }
    }

    private func setReading(_ isReading: Bool, _ transport: PeerTransport) {
        do { try transport.setReading(isReading) } catch { close(because: "\(error)") }
    }

    private func writeOutgoing(_ transport: PeerTransport) {
        guard outgoing.readableBytes > 0 else { return }
        transport.write(outgoing)
        outgoing = ByteBuffer()
    }

    // MARK: What the channel says

    package func handlerAdded(context: ChannelHandlerContext) {
        let transport = PeerTransport(context, reading: memory)
        self.transport = transport
        if context.channel.isActive { begin(transport) }
    }

    package func channelActive(context: ChannelHandlerContext) {
        if let transport { begin(transport) }
        context.fireChannelActive()
    }

    private func begin(_ transport: PeerTransport) {
        guard deadline == nil else { return }
        if direction == .incoming { remote = transport.remoteAddress.flatMap { PeerAddress($0) } }
        deadline = transport.loop.scheduleTask(in: Self.handshakeTimeout) { [weak self] in
            guard let self else { return }
            if case .open = self.state { return }
            self.close(because: "no handshake within \(Self.handshakeTimeout.nanoseconds / 1_000_000_000) s")
        }
        if let ours, direction != .incoming { say(ours, transport) }
        if direction == .incoming { owner?.arrived(self) }
    }

    package func channelWritabilityChanged(context: ChannelHandlerContext) {
        deafness?.cancel()
        deafness = nil
        if let transport { writabilityChanged(transport) }
        context.fireChannelWritabilityChanged()
    }

    private func writabilityChanged(_ transport: PeerTransport) {
        if transport.isWritable { return goOn(.deaf, transport) }
        hold(.deaf, transport)
        deafness = transport.loop.scheduleTask(in: Self.deafAfter) { [weak self] in
            self?.close(because: "reads nothing of what we send")
        }
    }

    private func say(_ handshake: Handshake, _ transport: PeerTransport) {
        var bytes = transport.buffer(capacity: Handshake.byteCount)
        handshake.append(to: &bytes)
        transport.write(bytes)
        transport.flush()
    }

    package func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let bytes = unwrapInboundIn(data)
        if let transport { received(bytes, transport) }
        memory.giveBack(bytes)
    }

    private func received(_ bytes: ByteBuffer, _ transport: PeerTransport) {
        switch state {
        case .open:
            transport.hasRead()
            decoder.append(bytes)
            deliver()
        case .opening(var held):
            held.writeImmutableBuffer(bytes)
            state = .opening(held)
            continueHandshake(transport)
        case .identified(var held):
            // This is the rest of the read that was in progress when reading was suspended.
            held.writeImmutableBuffer(bytes)
            state = .identified(held)
        case .closed:
            break
        }
    }

    package func channelReadComplete(context: ChannelHandlerContext) {
        if case .open = state { delegate?.readEnded(self) }
        context.fireChannelReadComplete()
    }

    package func errorCaught(context: ChannelHandlerContext, error: any Error) {
        if closeReason == nil { closeReason = "\(error)" }
        context.close(promise: nil)
    }

    package func channelInactive(context: ChannelHandlerContext) {
        end()
        context.fireChannelInactive()
    }

    package func handlerRemoved(context: ChannelHandlerContext) {
        end()
        transport = nil
    }

    private func end() {
        if case .closed = state { return }
        state = .closed
        deadline?.cancel()
        deafness?.cancel()
        if unidentifiedNumber != nil { owner?.left(self) }
        delegate?.closed(self, because: closeReason ?? "closed by the peer")
        delegate = nil
        owner = nil
    }

    // MARK: Handshake

    private func continueHandshake(_ transport: PeerTransport) {
        guard case .opening(var held) = state else { return }
        do {
            guard let infoHash = try Handshake.infoHash(in: held) else { return }
            if let expected {
                guard infoHash == expected else { return close(because: "wrong info hash") }
            } else {
                state = .identified(held)
                guard let owner else { return close() }
                hold(.unanswered, transport)
                owner.identified(self, infoHash: infoHash)
                return
            }
            guard let theirs = try Handshake.decode(&held) else { return }
            state = .open
            deadline?.cancel()
            if unidentifiedNumber != nil { owner?.left(self) }
            delegate?.opened(self, theirs: theirs)
            guard case .open = state else { return }
            decoder.append(held)
            deliver()
            delegate?.readEnded(self)
        } catch {
            close(because: "\(error)")
        }
    }

    private func deliver() {
        do {
            while let message = try decoder.next() {
                messages.append(message)
                guard messages.count >= Self.mostTogether else { continue }
                hand()
                guard case .open = state else { return }
            }
        } catch {
            hand()
            return close(because: "\(error)")
        }
        hand()
    }

    /// Passes the batch to the delegate and releases its slices, so that the receive buffer can be reused.
    private func hand() {
        guard !messages.isEmpty else { return }
        delegate?.received(messages, from: self)
        messages.removeAll(keepingCapacity: messages.capacity <= Self.usuallyTogether)
    }
}

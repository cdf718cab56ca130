import Glibc
import NIOCore
import NIOPosix
import PeerWire
import Torrent

/// Who owns a connection from its first byte; called on the connection's event loop.
package protocol PeerConnectionOwner: AnyObject, Sendable {
    /// Somebody dialled us. Who isn't welcome is closed.
    func arrived(_ connection: PeerConnection)
    /// An incoming connection that arrived has passed both handshakes, or is gone; called once.
    func left(_ connection: PeerConnection)
    /// An incoming peer names its torrent: answer, now or later, with ``PeerConnection/attach(to:sending:)`` or
    /// ``PeerConnection/close()``.
    func identified(_ connection: PeerConnection, infoHash: InfoHash)
}

/// Who speaks for one torrent; called on the connection's event loop.
package protocol PeerConnectionDelegate: AnyObject, Sendable {
    /// Both handshakes have passed.
    func opened(_ connection: PeerConnection, theirs: Handshake)
    /// What one read brought, in its order. The blocks are slices of the receive buffer: keep none of them.
    func received(_ messages: [PeerMessage], from connection: PeerConnection)
    /// The socket has no more for now.
    func readEnded(_ connection: PeerConnection)
    /// The connection is gone; called once, also when it never opened.
    func closed(_ connection: PeerConnection, because reason: String)
}

/// One peer's socket, from the handshake to its end.
///
/// `@unchecked Sendable`: it is confined to its event loop, which is the executor of its owner and of its delegate;
/// they hand it to each other there.
package final class PeerConnection: ChannelInboundHandler, @unchecked Sendable {
    package typealias InboundIn = ByteBuffer
    package typealias OutboundOut = ByteBuffer

    package enum Direction: Equatable, Sendable {
        case incoming
        case outgoing(PeerAddress)
    }

    /// How long a peer may take for its handshake.
    package static let handshakeTimeout = TimeAmount.seconds(15)
    /// How long a peer may take nothing of what it is sent.
    private static let deafAfter = TimeAmount.seconds(60)
    /// Messages that are handed over at once, and those that there is always room for: a read of blocks has fewer, and
    /// a read of keep-alives has a quarter of a million, each of which takes ten times its bytes.
    private static let mostTogether = 1024
    private static let usuallyTogether = 64
    /// Bytes of small messages that are gathered for one write.
    private static let outgoingCapacity = 4096

    private enum State {
        /// Nothing came yet; for an incoming peer it isn't known whom it wants.
        case opening(ByteBuffer)
        /// An incoming peer's torrent is being looked for.
        case identified(ByteBuffer)
        case open
        case closed
    }

    package let direction: Direction
    /// Where the other end is; its port is the listening port only for outgoing connections.
    package private(set) var remote: PeerAddress?
    /// A place for the delegate's own note of the connection.
    package var tag: UInt32?
    /// The same for the bytes of an unfinished message that were counted.
    package var countedBytes = 0
    /// The same for the owner, until the connection has left it.
    package var unidentifiedNumber: UInt64?

    private weak var owner: (any PeerConnectionOwner)?
    private weak var delegate: (any PeerConnectionDelegate)?
    private var state = State.opening(ByteBuffer())
    private var expected: InfoHash?
    private var ours: Handshake?
    private var decoder = PeerMessageDecoder()
    private var messages: [PeerMessage] = []
    private var context: ChannelHandlerContext?
    private var outgoing = ByteBuffer()
    private var needsFlush = false
    private var deadline: Scheduled<Void>?
    private var readMark = ReceiveLowWatermark()
    private var readsMuch = false
    private var closeReason: String?
    /// Why nothing is read now.
    private var holds: Holds = []
    private var deafness: Scheduled<Void>?

    private struct Holds: OptionSet {
        let rawValue: Int
        /// Its torrent is being looked for: what it says meanwhile waits in the kernel.
        static let unanswered = Holds(rawValue: 1)
        /// It has cost us too much.
        static let resting = Holds(rawValue: 2)
        /// It doesn't read what it asked for.
        static let deaf = Holds(rawValue: 4)
    }

    /// An incoming connection.
    init(owner: any PeerConnectionOwner) {
        self.owner = owner
        direction = .incoming
    }

    /// A dialled connection, which says its handshake first.
    init(to address: PeerAddress, delegate: any PeerConnectionDelegate, sending ours: Handshake) {
        direction = .outgoing(address)
        remote = address
        self.delegate = delegate
        self.ours = ours
        expected = ours.infoHash
    }

    /// Bytes of a message that hasn't ended.
    package var unfinishedBytes: Int { decoder.bufferedBytes }

    /// The torrent's count of pieces, by which bitfields are judged.
    package var pieceCount: Int? {
        get { decoder.pieceCount }
        set { decoder.pieceCount = newValue }
    }

    // MARK: What the delegate says

    /// The incoming peer's torrent is found: it is answered, and all that follows goes to `delegate`.
    package func attach(to delegate: any PeerConnectionDelegate, sending ours: Handshake) {
        guard case .identified(let bytes) = state, let context else {
            return delegate.closed(self, because: closeReason ?? "closed")
        }
        self.delegate = delegate
        self.ours = ours
        expected = ours.infoHash
        state = .opening(bytes)
        say(ours, context)
        goOn(.unanswered, context)
        continueHandshake(context)
    }

    /// Appends a message; it leaves with the next ``flush()``.
    package func send(_ message: PeerMessage) {
        if outgoing.capacity == 0 { outgoing.reserveCapacity(Self.outgoingCapacity) }
        PeerMessageEncoder.append(message, to: &outgoing)
    }

    /// Sends a buffer that holds whole messages, after all that was sent before; `onWrite` hears whether the socket
    /// took it.
    package func send(_ frames: ByteBuffer, onWrite: @escaping @Sendable (Bool) -> Void) {
        guard let context, case .open = state else { return onWrite(false) }
        writeOutgoing(context)
        let promise = context.eventLoop.makePromise(of: Void.self)
        promise.futureResult.whenComplete { result in
            if case .success = result { onWrite(true) } else { onWrite(false) }
        }
        context.write(wrapOutboundOut(frames), promise: promise)
        needsFlush = true
    }

    package func flush() {
        guard let context else { return }
        writeOutgoing(context)
        guard needsFlush else { return }
        needsFlush = false
        context.flush()
    }

    /// Says that at least `bytes` are sure to come, at about `rate` bytes a second: the socket then gathers some of
    /// them before it wakes us.
    package func expect(bytes: Int, rate: Double) {
        guard let context, case .open = state else { return }
        if bytes >= PeerSockets.fastPeerBytes, !readsMuch { readMuch(context) }
        guard readMark.expect(bytes: bytes, rate: rate) else { return }
        setReadMark(context)
        if readMark.isRaised { watch(context) }
    }

    /// A peer that owes as much as a fast one does is read in large pieces from now on.
    private func readMuch(_ context: ChannelHandlerContext) {
        readsMuch = true
        do { try context.channel.syncOptions?.setOption(.recvAllocator, value: PeerSockets.fastReads) } catch {
            close(because: "\(error)")
        }
    }

    private func setReadMark(_ context: ChannelHandlerContext) {
        let option = ChannelOptions.socketOption(.init(rawValue: SO_RCVLOWAT))
        do { try context.channel.syncOptions?.setOption(option, value: SocketOptionValue(readMark.value)) } catch {
            readMark.refuse()
        }
    }

    /// A peer may stop in the middle of what it owes, and have other things to say: then what is there is read.
    private func watch(_ context: ChannelHandlerContext) {
        guard !readMark.isWatched else { return }
        readMark.isWatched = true
        readMark.hasRead = false
        context.eventLoop.scheduleTask(in: ReceiveLowWatermark.patience) { [weak self] in
            guard let self else { return }
            self.readMark.isWatched = false
            guard let context = self.context, self.readMark.isRaised else { return }
            if self.readMark.hasRead { return self.watch(context) }
            self.readMark.lower()
            self.setReadMark(context)
        }
    }

    package func close(because reason: String = "closed by us") {
        if closeReason == nil { closeReason = reason }
        guard let context else { return }
        flush()
        context.close(promise: nil)
    }

    /// Reads nothing for so long: what the peer says waits in the kernel, and then with the peer.
    package func rest(for time: TimeAmount) {
        guard let context, !holds.contains(.resting) else { return }
        hold(.resting, context)
        context.eventLoop.scheduleTask(in: time) { [weak self] in
            guard let self, let context = self.context else { return }
            self.goOn(.resting, context)
        }
    }

    private func hold(_ reason: Holds, _ context: ChannelHandlerContext) {
        let isNew = holds.isEmpty
        holds.insert(reason)
        if isNew { setReading(false, context) }
    }

    private func goOn(_ reason: Holds, _ context: ChannelHandlerContext) {
        guard holds.contains(reason) else { return }
        holds.remove(reason)
        if holds.isEmpty { setReading(true, context) }
    }

    private func setReading(_ isReading: Bool, _ context: ChannelHandlerContext) {
        do { try context.channel.syncOptions?.setOption(.autoRead, value: isReading) } catch {
            close(because: "\(error)")
        }
    }

    private func writeOutgoing(_ context: ChannelHandlerContext) {
        guard outgoing.readableBytes > 0 else { return }
        context.write(wrapOutboundOut(outgoing), promise: nil)
        outgoing = ByteBuffer()
        needsFlush = true
    }

    // MARK: What the channel says

    package func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        if context.channel.isActive { begin(context) }
    }

    package func channelActive(context: ChannelHandlerContext) {
        begin(context)
        context.fireChannelActive()
    }

    private func begin(_ context: ChannelHandlerContext) {
        guard deadline == nil else { return }
        if direction == .incoming { remote = context.channel.remoteAddress.flatMap { PeerAddress($0) } }
        deadline = context.eventLoop.scheduleTask(in: Self.handshakeTimeout) { [weak self] in
            guard let self else { return }
            if case .open = self.state { return }
            self.close(because: "no handshake within \(Self.handshakeTimeout.nanoseconds / 1_000_000_000) s")
        }
        if let ours, direction != .incoming { say(ours, context) }
        if direction == .incoming { owner?.arrived(self) }
    }

    package func channelWritabilityChanged(context: ChannelHandlerContext) {
        deafness?.cancel()
        deafness = nil
        if context.channel.isWritable {
            goOn(.deaf, context)
        } else {
            hold(.deaf, context)
            deafness = context.eventLoop.scheduleTask(in: Self.deafAfter) { [weak self] in
                self?.close(because: "reads nothing of what we send")
            }
        }
        context.fireChannelWritabilityChanged()
    }

    private func say(_ handshake: Handshake, _ context: ChannelHandlerContext) {
        var bytes = context.channel.allocator.buffer(capacity: Handshake.byteCount)
        handshake.append(to: &bytes)
        context.writeAndFlush(wrapOutboundOut(bytes), promise: nil)
    }

    package func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let bytes = unwrapInboundIn(data)
        switch state {
        case .open:
            readMark.hasRead = true
            decoder.append(bytes)
            deliver(context)
        case .opening(var held):
            held.writeImmutableBuffer(bytes)
            state = .opening(held)
            continueHandshake(context)
        case .identified(var held):
            // The read that was under way when reading stopped.
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
        self.context = nil
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

    private func continueHandshake(_ context: ChannelHandlerContext) {
        guard case .opening(var held) = state else { return }
        do {
            guard let infoHash = try Handshake.infoHash(in: held) else { return }
            if let expected {
                guard infoHash == expected else { return close(because: "wrong info hash") }
            } else {
                state = .identified(held)
                guard let owner else { return close() }
                hold(.unanswered, context)
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
            deliver(context)
            delegate?.readEnded(self)
        } catch {
            close(because: "\(error)")
        }
    }

    private func deliver(_ context: ChannelHandlerContext) {
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

    /// Hands the batch over and lets go of its slices, so that the receive buffer is used again.
    private func hand() {
        guard !messages.isEmpty else { return }
        delegate?.received(messages, from: self)
        messages.removeAll(keepingCapacity: messages.capacity <= Self.usuallyTogether)
    }
}

extension PeerAddress {
    /// An address of NIO's; `nil` for a Unix domain socket.
    package init?(_ address: SocketAddress) {
        guard let text = address.ipAddress, let port = address.port, let number = UInt16(exactly: port) else {
            return nil
        }
        // A link-local address carries its zone, which a peer address has no room for.
        guard let host = Host(text.prefix { $0 != "%" }) else { return nil }
        self = PeerAddress(host, port: number).unmapped
    }

    /// The same for NIO.
    package var socketAddress: SocketAddress {
        get throws { try SocketAddress(ipAddress: hostDescription, port: Int(port)) }
    }
}

import Swarm
import Torrent

/// A peer that isn't ours: it does what its habits say, and checks what it is sent.
final class Remote: Node {
    private final class Session {
        var isChoking = true
        var isInterestedInUs = false
        var have: Bitfield
        /// What we asked of the other side.
        var asked: Set<BlockRequest> = []
        var isChoked = true
        var allowedFast: Set<PieceIndex> = []

        init(pieceCount: Int) { have = Bitfield(count: pieceCount) }
    }

    let address: PeerAddress
    let habits: Habits
    private let lab: Lab
    private var have: Bitfield
    private var received: Set<BlockRef> = []
    private var sessions: [ObjectIdentifier: (end: WireEnd, session: Session)] = [:]
    /// Requests of all sessions in the order of their coming; one is on the wire at a time.
    private var queue: [(end: WireEnd, request: BlockRequest)] = []
    private var isSending = false
    private var isAway = false

    init(_ habits: Habits, address: PeerAddress, lab: Lab) {
        self.habits = habits
        self.address = address
        self.lab = lab
        have = habits.have
    }

    var traits: Traits { Traits(supportsFast: habits.supportsFast, supportsExtensions: habits.supportsExtensions) }
    var latency: Duration { habits.latency }
    var isListening: Bool { !isAway && !habits.dialsOnly }

    func start() {
        if habits.dialsOnly { lab.schedule(after: lab.random.duration(100...5000)) { self.dialClients() } }
        if let period = habits.chokePeriod { lab.schedule(after: period) { self.toggleChokes(period) } }
        if let presence = habits.presence { lab.schedule(after: presence) { self.leave(presence) } }
        if habits.losesPieces { lab.schedule(after: .seconds(2)) { self.losePiece() } }
    }

    // MARK: Events

    func connected(_ end: WireEnd) {
        let session = Session(pieceCount: have.count)
        sessions[ObjectIdentifier(end)] = (end, session)
        if habits.closesAtOnce { return end.close() }
        announce(on: end)
        if habits.supportsExtensions {
            end.send(.extended(reqq: habits.reqq, uploadOnly: nil, port: end.isIncoming ? nil : address.port))
        }
        if habits.supportsFast, lab.random.chance(0.3),
            let piece = have.pieces.first(where: { _ in lab.random.chance(0.5) })
        {
            session.allowedFast.insert(piece)
            end.send(.allowedFast(piece))
        }
    }

    func received(_ messages: [Message], on end: WireEnd) {
        guard let session = sessions[ObjectIdentifier(end)]?.session else { return }
        for message in messages { handle(message, session, end) }
        ask(session, end)
        pump()
    }

    func closed(_ end: WireEnd) {
        sessions[ObjectIdentifier(end)] = nil
        queue.removeAll { $0.end === end }
    }

    // MARK: Messages

    private func announce(on end: WireEnd) {
        switch habits.announcing {
        case .haveAll where habits.supportsFast && have.isFull: end.send(.haveAll)
        case .havesOnly:
            if habits.supportsFast { end.send(.haveNone) }
            for piece in have.pieces { end.send(.have(piece)) }
        default:
            if habits.supportsFast || !have.isEmpty { end.send(.bitfield(have)) }
        }
    }

    private func handle(_ message: Message, _ session: Session, _ end: WireEnd) {
        switch message {
        case .interested:
            session.isInterestedInUs = true
            if session.isChoking {
                session.isChoking = false
                end.send(.unchoke)
            }
        case .notInterested: session.isInterestedInUs = false
        case .request(let request): requested(request, session, end)
        case .cancel(let request):
            guard let index = queue.firstIndex(where: { $0.end === end && $0.request == request }) else { return }
            queue.remove(at: index)
            if habits.supportsFast { end.send(.reject(request)) }
        case .have(let piece): session.have.insert(piece)
        case .bitfield(let pieces): session.have = pieces
        case .haveAll: session.have = Bitfield(fullCount: have.count)
        case .haveNone: session.have = Bitfield(count: have.count)
        case .choke:
            session.isChoked = true
            session.asked = []
        case .unchoke: session.isChoked = false
        case .reject(let request): session.asked.remove(request)
        case .block(let request, let digest): got(request, digest, session)
        case .keepAlive, .extended, .allowedFast, .dontHave: break
        }
    }

    private func requested(_ request: BlockRequest, _ session: Session, _ end: WireEnd) {
        guard have[request.piece] || habits.losesPieces else {
            return lab.fail("\(address) was asked for piece \(request.piece), which it never had")
        }
        if habits.isSilent { return }
        if session.isChoking && !session.allowedFast.contains(request.piece)
            || lab.random.chance(habits.rejects) && habits.supportsFast
            || !have[request.piece]
        {
            if habits.supportsFast { end.send(.reject(request)) }
            return
        }
        queue.append((end, request))
    }

    /// Sends the next block when the line is free.
    private func pump() {
        guard !isSending, !queue.isEmpty else { return }
        isSending = true
        let (end, request) = queue.removeFirst()
        lab.schedule(after: .seconds(Double(request.length) / Double(habits.uploadRate))) { [self] in
            isSending = false
            var digest = lab.content.digest(lab.content.block(request))
            if lab.random.chance(habits.lies) { digest &+= 1 + UInt64.random(in: 0...3, using: &lab.random) }
            if end.isOpen { end.send(.block(request, digest: digest)) }
            pump()
        }
    }

    // MARK: Downloading

    private func ask(_ session: Session, _ end: WireEnd) {
        guard habits.isLeecher, end.isOpen else { return }
        let missing = session.have.subtracting(have)
        guard !missing.isEmpty else { return }
        if session.isChoked { return end.send(.interested) }
        for piece in missing.pieces {
            for block in lab.content.blocks(of: piece) where session.asked.count < 4 && !received.contains(block) {
                let request = BlockRequest(
                    piece: piece, begin: block.block * Geometry.blockLength,
                    length: lab.scenario.geometry.length(of: block))
                if session.asked.insert(request).inserted { end.send(.request(request)) }
            }
        }
    }

    private func got(_ request: BlockRequest, _ digest: UInt64, _ session: Session) {
        guard session.asked.remove(request) != nil else { return }
        let block = lab.content.block(request)
        guard digest == lab.content.digest(block) else {
            return lab.fail("a client sent a wrong block of piece \(request.piece)")
        }
        received.insert(block)
        guard lab.content.blocks(of: request.piece).allSatisfy(received.contains), have.insert(request.piece) else {
            return
        }
        for (end, _) in ordered { end.send(.have(request.piece)) }
    }

    // MARK: Habits

    private var ordered: [(end: WireEnd, session: Session)] { sessions.values.sorted { $0.end.number < $1.end.number } }

    private func toggleChokes(_ period: Duration) {
        for (end, session) in ordered where session.isInterestedInUs {
            session.isChoking.toggle()
            end.send(session.isChoking ? .choke : .unchoke)
            guard session.isChoking else { continue }
            let dropped = queue.filter { $0.end === end }
            queue.removeAll { $0.end === end }
            if habits.supportsFast { for (_, request) in dropped { end.send(.reject(request)) } }
        }
        lab.schedule(after: period) { self.toggleChokes(period) }
    }

    private func leave(_ presence: Duration) {
        isAway.toggle()
        if isAway { for (end, _) in ordered { end.close() } }
        lab.schedule(after: presence * Double.random(in: 0.5...1.5, using: &lab.random)) { self.leave(presence) }
    }

    private func losePiece() {
        if let piece = have.pieces.first(where: { _ in lab.random.chance(0.3) }) {
            have.remove(piece)
            for (end, _) in ordered { end.send(.dontHave(piece)) }
        }
        lab.schedule(after: .seconds(3)) { self.losePiece() }
    }

    private func dialClients() {
        if !isAway, sessions.isEmpty {
            for client in lab.clients where client.isListening { WireEnd.connect(self, to: client, lab: lab) }
        }
        lab.schedule(after: .seconds(10)) { self.dialClients() }
    }
}

import Swarm
import Testing
import Torrent

struct RequestPipelineTests {
    /// A peer behind a path in virtual time: it sends what it is asked for in order, at its rate, and each block
    /// travels half a round trip.
    private struct Path {
        var pipeline = RequestPipeline()
        let rate: Double
        let roundTrip: Duration
        var now = Instant.origin
        /// When each outstanding request was sent, and when its block arrives.
        private var outstanding: [(sentAt: Instant, arrivesAt: Instant)] = []
        private var first = 0
        private var lineFreeAt = Instant.origin
        private(set) var received: [(at: Instant, held: Int)] = []

        init(rate: Double, roundTrip: Duration, reqq: Int) {
            self.rate = rate
            self.roundTrip = roundTrip
            pipeline.reqq = reqq
            fill()
        }

        private mutating func fill() {
            let room = pipeline.depth - (outstanding.count - first)
            guard room > 0, outstanding.count == first || room * 4 >= pipeline.depth else { return }
            for _ in 0..<room {
                let half = Duration.nanoseconds(roundTrip.nanoseconds / 2)
                lineFreeAt = max(lineFreeAt, now + half) + .seconds(Double(Geometry.blockLength) / rate)
                outstanding.append((now, lineFreeAt + half))
            }
        }

        mutating func run(until end: Instant) {
            while first < outstanding.count, outstanding[first].arrivesAt <= end {
                let block = outstanding[first]
                first += 1
                now = block.arrivesAt
                pipeline.received(
                    bytes: Geometry.blockLength, sentAt: block.sentAt, now: now, limited: outstanding.count == first)
                fill()
                received.append((now, outstanding.count - first))
            }
            now = end
        }

        func bytes(from start: Instant, to end: Instant) -> Double {
            Double(received.count { $0.at >= start && $0.at < end } * Geometry.blockLength)
        }
    }

    @Test(arguments: [(250e6, 50), (100e6, 100), (10e6, 200), (1000e6, 1), (30e6, 20)])
    func pipelineFillsThePath(rate: Double, roundTripMilliseconds: Int) {
        var path = Path(rate: rate, roundTrip: .milliseconds(roundTripMilliseconds), reqq: 20_000)
        path.run(until: .origin + .seconds(3))
        let reached = path.bytes(from: .origin + .milliseconds(1500), to: .origin + .milliseconds(2500))
        #expect(reached >= 0.9 * rate, "\(reached / 1e6) MB/s")
    }

    /// The queue that the requests make is not taken for a longer path: neither the rate nor the depth drifts.
    @Test(arguments: [(50e6, 50), (16e6, 1), (2e6, 30)])
    func pipelineStaysSteadyForMinutes(rate: Double, roundTripMilliseconds: Int) {
        var path = Path(rate: rate, roundTrip: .milliseconds(roundTripMilliseconds), reqq: 20_000)
        path.run(until: .origin + .seconds(120))
        let product = rate * Double(roundTripMilliseconds) / 1000 / Double(Geometry.blockLength)
        #expect(Double(path.pipeline.depth) <= max(product * 2.5 + 10, Double(RequestPipeline.cushion)))
        #expect(path.bytes(from: .origin + .seconds(60), to: .origin + .seconds(120)) >= 0.95 * rate * 60)
    }

    @Test func pacedNearbyPeerKeepsAShallowPipeline() {
        var path = Path(rate: 16e6, roundTrip: .microseconds(500), reqq: 20_000)
        path.run(until: .origin + .seconds(2))
        #expect(
            path.received.filter { $0.at > .origin + .seconds(1) }.allSatisfy { $0.held <= RequestPipeline.cushion })
        #expect(path.bytes(from: .origin + .seconds(1), to: .origin + .seconds(2)) >= 0.95 * 16e6)
    }

    /// Once its rate is known, which takes two blocks.
    @Test(arguments: [10_000.0, 40_000, 5_000])
    func slowPeerHoldsFewRequests(rate: Double) {
        var path = Path(rate: rate, roundTrip: .milliseconds(80), reqq: 500)
        path.run(until: .origin + .seconds(120))
        let asked = path.received.dropFirst(8).map(\.held)
        let longest = Int(3 * rate) / Geometry.blockLength
        #expect(!asked.isEmpty && asked.allSatisfy { $0 <= max(longest, 1) }, "\(asked)")
    }

    @Test func pipelineRespectsReqq() {
        var path = Path(rate: 250e6, roundTrip: .milliseconds(50), reqq: 40)
        path.run(until: .origin + .seconds(2))
        #expect(path.received.allSatisfy { $0.held <= 40 })
    }

    @Test func snubResetsTheDepthToOne() {
        var path = Path(rate: 10e6, roundTrip: .milliseconds(50), reqq: 500)
        path.run(until: .origin + .seconds(2))
        path.pipeline.snubbed()
        #expect(path.pipeline.depth == 1)
    }

    @Test func rejectLowersTheLimitToHeldRequests() {
        var pipeline = RequestPipeline()
        pipeline.refused(holding: 3)
        #expect(pipeline.reqq == RequestPipeline.defaultReqq)
        pipeline.refused(holding: 100)
        #expect(pipeline.reqq == 100)
    }
}

package import NIOCore

/// What all ``RangeClient``s of an engine share: the look-up of names, certificates and options.
package struct RangeClients: Sendable {
    /// The maximum time for which a server may send nothing.
    package static let silence = Duration.seconds(30)

    let loop: any EventLoop
    let options: HTTPOptions
    let resolver: HostResolver
    let reach: ReachTest
    let tls: TLSContext
    let silence: Duration

    package init(
        loop: any EventLoop, options: HTTPOptions, resolver: HostResolver = HostResolver(),
        reach: ReachTest = .system, silence: Duration = RangeClients.silence
    ) {
        self.loop = loop
        self.options = options
        self.resolver = resolver
        self.reach = reach
        self.silence = silence
        tls = TLSContext(options)
    }

    /// Returns a client, whose delegate receives `tag` with every call.
    package func client(tag: UInt32, delegate: any RangeDelegate) -> RangeClient {
        RangeClient(self, tag: tag, delegate: delegate)
    }

    /// Ends the threads that look up names.
    package func shutdown() { resolver.shutdown() }
}

/// Waits for work that may never end, as a look at a folder on a server that is away.
enum Patience {
    /// The result of the work, or `late` if the work takes longer. The work itself continues.
    static func answer<Value: Sendable>(
        within limit: Duration, or late: Value, _ work: @escaping @Sendable () async -> Value
    ) async -> Value {
        let (answers, sink) = AsyncStream.makeStream(of: Value.self)
        Task { sink.yield(await work()) }
        let timer = Task {
            do { try await Task.sleep(for: limit) } catch { return }
            sink.yield(late)
        }
        defer { timer.cancel() }
        return await answers.first { _ in true } ?? late
    }
}

import Glibc
import System
import SystemPackage
import Torrent

extension Disk {
    /// The current state of these files of the payload; missing ones are left out. Throws when the folder can't be
    /// reached.
    package func states(of files: [PayloadFile], in payload: Payload) async throws(DiskError) -> [PayloadFile: FoundFile]
    {
        try await answer { (done: @escaping @Sendable (Result<[PayloadFile: FoundFile], DiskError>) -> Void) in
            run(.read, done) { () throws(DiskError) in try self.statesBlocking(files, payload) }
        }.get()
    }

    private func statesBlocking(_ files: [PayloadFile], _ payload: Payload) throws(DiskError) -> [PayloadFile: FoundFile]
    {
        let folder = try PayloadFolder(payload, calls: calls)
        var names = NameCursor(payload, calls)
        var states: [PayloadFile: FoundFile] = [:]
        for file in files {
            let components = payload.components(of: file)
            do {
                let status = try names.status(of: components, in: folder)
                guard status.kind == .regular else { continue }
                states[file] = FoundFile(file, status, bornNs: try names.birth(of: components, in: folder))
            } catch  where error.code == .notFound {
                continue
            }
        }
        return states
    }

    /// Makes files durable that another program wrote, without touching what is known of our own writes. Returns their
    /// states after that; a file that can't be synced is left out.
    package func settle(_ files: [PayloadFile], of payload: Payload) async -> [FoundFile] {
        await answer { (done: @escaping @Sendable ([FoundFile]) -> Void) in
            workers.submit(.sync) { done(files.compactMap { self.settled($0, payload) }) }
        }
    }

    private func settled(_ file: PayloadFile, _ payload: Payload) -> FoundFile? {
        do {
            let folder = try PayloadFolder(payload, calls: calls)
            let raw = try folder.open(payload.components(of: file), flags: O_RDONLY | O_NONBLOCK)
            defer { calls.closeUnwritten(raw) }
            try calls.syncData(raw)
            let status = try calls.status(raw)
            return status.kind == .regular ? FoundFile(file, status, bornNs: calls.birth(raw)) : nil
        } catch {
            return nil
        }
    }
}

import Glibc
import Synchronization
package import SystemPackage
import TestSupport

/// Where states are looked at: in memory where there is such a folder, because thousands of files are made.
private let scratchRoot: FilePath = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp"
private let scratchCount = Atomic(0)

/// A folder of its own, which is removed with everything in it when `body` ends.
package func withScratchFolder<Value>(
    isolation: isolated (any Actor)? = #isolation, _ body: (FilePath) async throws -> Value
) async throws -> Value {
    let folder = scratchRoot.appending("pieces-crash-\(getpid())-\(scratchCount.add(1, ordering: .relaxed).newValue)")
    try Files.makeFolders(folder)
    let result: Result<Value, any Error>
    do { result = .success(try await body(folder)) } catch { result = .failure(error) }
    try Files.remove(folder)
    return try result.get()
}

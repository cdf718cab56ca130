import System
package import SystemPackage
import Torrent

/// The text of the files in which the kernel reports its state (proc(5)).
package enum KernelText {
    /// The text, whose paths are ``PathText``; `nil` if the kernel doesn't show it to us.
    package static func read(_ path: FilePath) -> String? { KernelFile.read(path).map { PathText.text($0) } }
}

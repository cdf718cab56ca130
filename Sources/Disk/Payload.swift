package import SystemPackage
package import Torrent

/// Where the bytes of one torrent are: the output folder, its files, and which of the files are skipped and keep only
/// the bytes of boundary pieces.
package final class Payload: Sendable {
    /// Where a file's bytes go.
    package enum Placement: Sendable {
        /// The bytes are in the file.
        case file
        /// The file is skipped: the bytes of pieces that it shares with a wanted file are in the part file.
        case part
        /// The bytes are in a file that another torrent writes. This torrent reads them, and compares instead of
        /// writing.
        case shared
        /// The file only pads a piece (BEP 47): its bytes are zeros that are never written.
        case pad
    }

    package let infoHash: InfoHash
    /// The output folder, as the user gave it.
    package let root: FilePath
    package let layout: FileLayout
    package let geometry: Geometry
    /// One for each file of the layout.
    package let placement: [Placement]
    /// The device that the output folder has to be on, as ``Disk/presence(of:)`` reported it in this run; `nil` for
    /// any.
    package let device: UInt64?
    /// Why nothing may be created, truncated, extended or written; `nil` if it may.
    package let protection: Protection?

    /// Why a payload is only read.
    package enum Protection: Sendable, Hashable {
        /// The user made the torrent read-only.
        case byUser
        /// The file system is mounted read-only.
        case byStorage
    }

    private init(
        infoHash: InfoHash, root: FilePath, layout: FileLayout, geometry: Geometry, placement: [Placement],
        device: UInt64?, protection: Protection?
    ) {
        self.infoHash = infoHash
        self.root = root
        self.layout = layout
        self.geometry = geometry
        self.placement = placement
        self.device = device
        self.protection = protection
    }

    /// `wanted` has one element per file, or is `nil` when all files are wanted.
    package convenience init(
        infoHash: InfoHash, root: FilePath, layout: FileLayout, geometry: Geometry, wanted: [Bool]? = nil,
        device: UInt64? = nil
    ) {
        precondition(wanted.map { $0.count == layout.files.count } ?? true)
        let placement = layout.files.map { (file) -> Placement in
            file.isPad ? .pad : wanted?[file.index] ?? true ? .file : .part
        }
        self.init(
            infoHash: infoHash, root: root, layout: layout, geometry: geometry, placement: placement, device: device,
            protection: nil)
    }

    /// A copy of the payload with another placement of one file.
    package func placing(_ file: Int, as new: Placement) -> Payload { placing([file], as: new) }

    /// A copy of the payload with another placement of these files.
    package func placing(_ files: [Int], as new: Placement) -> Payload {
        guard !files.isEmpty else { return self }
        var placement = placement
        for file in files {
            precondition(placement[file] != .pad && new != .pad)
            placement[file] = new
        }
        return Payload(
            infoHash: infoHash, root: root, layout: layout, geometry: geometry, placement: placement, device: device,
            protection: protection)
    }

    /// A copy of the payload, bound to the device that its folder is on.
    package func on(device: UInt64) -> Payload {
        Payload(
            infoHash: infoHash, root: root, layout: layout, geometry: geometry, placement: placement, device: device,
            protection: protection)
    }

    /// A copy of the payload that is only read, or may be written.
    package func protected(_ protection: Protection?) -> Payload {
        guard protection != self.protection else { return self }
        return Payload(
            infoHash: infoHash, root: root, layout: layout, geometry: geometry, placement: placement, device: device,
            protection: protection)
    }

    /// The same payload in another folder, which may be written.
    package func moved(to root: FilePath) -> Payload {
        Payload(
            infoHash: infoHash, root: root, layout: layout, geometry: geometry, placement: placement, device: nil,
            protection: nil)
    }

    /// The same payload with other names for its files. `layout` has the same files in the same order.
    package func renamed(to layout: FileLayout) -> Payload {
        precondition(layout.files.count == self.layout.files.count)
        return Payload(
            infoHash: infoHash, root: root, layout: layout, geometry: geometry, placement: placement, device: device,
            protection: protection)
    }

    /// The file that holds the bytes of a file of the layout; `nil` for a pad file, whose bytes are not stored.
    package func place(of file: Int) -> PayloadFile? {
        switch placement[file] {
        case .file, .shared: .entry(file)
        case .part: .parts
        case .pad: nil
        }
    }

    /// Whether the file's bytes are in the file itself.
    package func isInPlace(_ file: Int) -> Bool {
        switch placement[file] {
        case .file, .shared: true
        case .part, .pad: false
        }
    }

    /// The components of the file's path below the output folder.
    func components(of file: PayloadFile) -> [String] {
        switch file {
        case .entry(let index): layout.files[index].path
        case .parts: [".\(infoHash).parts"]
        }
    }

    /// The directories whose names lead to the file, as components below the output folder, which is one of them.
    func folders(of file: PayloadFile) -> Set<[FileName]> {
        let components = components(of: file).map(FileName.init)
        return Set(components.indices.map { Array(components[..<$0]) })
    }

    /// The length that the torrent gives the file; `nil` for the part file, which ends after the last byte written to
    /// it.
    func length(of file: PayloadFile) -> Int64? {
        switch file {
        case .entry(let index): layout.files[index].length
        case .parts: nil
        }
    }

    /// The file's full path, for messages.
    package func path(of file: PayloadFile) -> String { path(components(of: file)) }

    /// The file's path below the output folder.
    package func relativePath(of file: PayloadFile) -> String { components(of: file).joined(separator: "/") }

    func path(_ components: some Sequence<String>) -> String {
        // `FilePath.append` is not used, because a message also has to show a component that was rejected.
        ([root.text] + components).joined(separator: "/")
    }
}

/// One file that holds bytes of a torrent.
package enum PayloadFile: Hashable, Sendable {
    /// A file of the layout.
    case entry(Int)
    /// `.<info hash>.parts` in the output folder: a sparse file that stores each byte of a skipped file at the byte's
    /// offset in the torrent.
    case parts
}

// swift-tools-version: 6.3
import PackageDescription

/// Every room is compiled alike: Swift 6 language mode, warnings are errors.
///
/// Not used, and why:
/// - `NonisolatedNonsendingByDefault`: a nonisolated async function leaves the event loop on purpose here. Loading a
///   torrent parses up to 256 MiB; with the feature that would run on the loop of all peers, unless each such function
///   were marked `@concurrent`.
/// - `.strictMemorySafety()`: it marks about 600 lines, four in five of them calls of SQLite, of libc and of buffers in
///   the modules that exist to wrap them. `TidyTests` counts what isn't at such a boundary.
let house: [SwiftSetting] = [
    .treatAllWarnings(as: .error), .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("MemberImportVisibility"),
]

/// The program's rooms do without the library's engine for regular expressions. FoundationEssentials, which
/// ArgumentParser needs, still brings it into the program.
let rooms = house + [.unsafeFlags(["-Xfrontend", "-disable-implicit-string-processing-module-import"])]

/// The rooms where the tests spend most of their time are optimized in debug builds, too. They keep their assertions.
let optimized =
    rooms + [.unsafeFlags(["-O", "-assert-config", "Debug"], .when(configuration: .debug))]

/// The release binary carries the Swift runtime: it starts in half the time, because nothing of it has to be found and
/// bound, and runs where no toolchain is. What Foundation's parts, which some dependencies use, need in an archive is
/// named here; LLD takes that without a warning. Packed relocations save 1.8 MB; they need glibc 2.36, which is what
/// Debian 12 has. Not in debug builds: a test bundle links the shared runtime.
let selfContained: [LinkerSetting] = [
    .unsafeFlags(
        [
            "-static-stdlib", "-use-ld=lld", "-Xlinker", "--no-export-dynamic", "-Xlinker", "-z", "-Xlinker",
            "pack-relative-relocs",
        ], .when(configuration: .release)),
    .linkedLibrary("_FoundationCollections", .when(configuration: .release)),
    .linkedLibrary("_FoundationCShims", .when(configuration: .release)),
]

let nioCore = Target.Dependency.product(name: "NIOCore", package: "swift-nio")
let nioPosix = Target.Dependency.product(name: "NIOPosix", package: "swift-nio")
let nioEmbedded = Target.Dependency.product(name: "NIOEmbedded", package: "swift-nio")
let nioHTTP1 = Target.Dependency.product(name: "NIOHTTP1", package: "swift-nio")
let nioHTTPCompression = Target.Dependency.product(name: "NIOHTTPCompression", package: "swift-nio-extras")
let nioSSL = Target.Dependency.product(name: "NIOSSL", package: "swift-nio-ssl")
let argumentParser = Target.Dependency.product(name: "ArgumentParser", package: "swift-argument-parser")
let collections = Target.Dependency.product(name: "DequeModule", package: "swift-collections")
let system = Target.Dependency.product(name: "SystemPackage", package: "swift-system")
let logging = Target.Dependency.product(name: "Logging", package: "swift-log")
let crypto = Target.Dependency.product(name: "Crypto", package: "swift-crypto")

let package = Package(
    name: "pieces",
    products: [
        .executable(name: "pieces", targets: ["pieces"]),
        // Of the tests alone: they load it into the program.
        .library(name: "FaultShim", type: .dynamic, targets: ["CFaultShim"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-nio", from: "2.101.0"),
        .package(url: "https://github.com/apple/swift-nio-extras", from: "1.35.0"),
        .package(url: "https://github.com/apple/swift-nio-ssl", from: "2.37.0"),
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.0"),
        .package(url: "https://github.com/apple/swift-collections", from: "1.6.0"),
        .package(url: "https://github.com/apple/swift-system", from: "1.8.0"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.0"),
        .package(url: "https://github.com/apple/swift-crypto", from: "4.5.0"),
    ],
    targets: [
        // Rooms, in the order of their dependencies. See Sources/Engine/Engine.docc/Architecture.md.
        .systemLibrary(
            name: "CSQLite", pkgConfig: "sqlite3", providers: [.apt(["libsqlite3-dev"]), .brew(["sqlite3"])]),
        .target(name: "CPieceHash", cSettings: [.unsafeFlags(["-O3", "-Wall", "-Wextra", "-Werror"])]),
        .target(
            name: "CLinux", cSettings: [.define("_GNU_SOURCE"), .unsafeFlags(["-O2", "-Wall", "-Wextra", "-Werror"])]),
        .target(name: "CMapping", cSettings: [.unsafeFlags(["-O2", "-Wall", "-Wextra", "-Werror"])]),
        .target(name: "System", dependencies: ["CLinux", "CMapping", system], swiftSettings: rooms),
        .target(name: "Bencode", swiftSettings: rooms),
        .target(name: "Torrent", dependencies: ["Bencode", "CPieceHash", system], swiftSettings: optimized),
        .target(name: "Import", dependencies: ["Bencode", "Torrent"], swiftSettings: rooms),
        .target(name: "PeerWire", dependencies: ["Torrent", "Bencode", nioCore], swiftSettings: rooms),
        .target(name: "TrackerWire", dependencies: ["Torrent", "Bencode"], swiftSettings: rooms),
        .target(name: "DHT", dependencies: ["Torrent", "Bencode", collections], swiftSettings: rooms),
        .target(name: "Discovery", dependencies: ["Torrent"], swiftSettings: rooms),
        .target(name: "Swarm", dependencies: ["Torrent", collections], swiftSettings: optimized),
        .target(
            name: "Migrations", path: "Migrations",
            resources: [
                .embedInCode("V0001_initial.sql"), .embedInCode("V0002_public_views.sql"),
                .embedInCode("V0003_bitfield_checksum.sql"),
                .embedInCode("V0004_file_ownership.sql"), .embedInCode("V0005_queue.sql"),
                .embedInCode("V0006_seed_time.sql"),
                .embedInCode("V0007_path_index.sql"), .embedInCode("V0008_host_ban.sql"),
                .embedInCode("V0009_move.sql"), .embedInCode("V0010_magnet.sql"),
                .embedInCode("V0011_dht.sql"), .embedInCode("V0012_web_seed.sql"),
                .embedInCode("V0013_destination.sql"),
                .embedInCode("V0014_unusable_metadata.sql"),
                .embedInCode("V0015_dht_reach.sql"),
                .embedInCode("V0016_super_seed.sql"),
                .embedInCode("V0017_labels.sql"),
                .embedInCode("V0018_volumes.sql"),
                .embedInCode("V0019_scrub.sql"),
                .embedInCode("V0020_import.sql"),
                .embedInCode("V0021_error_code.sql"),
                .embedInCode("schema.sql"),
            ],
            swiftSettings: rooms),
        .target(
            name: "Store", dependencies: ["CSQLite", "System", "Migrations", "Torrent", system],
            swiftSettings: rooms),
        .target(
            name: "Recovery", dependencies: ["CSQLite", "System", "Migrations", "Torrent", "Store", system],
            swiftSettings: rooms),
        .target(
            name: "Disk", dependencies: ["System", "Torrent", "CPieceHash", system, collections],
            swiftSettings: rooms),
        .target(
            name: "Verification", dependencies: ["System", "Torrent", "Import", "Store", "Disk", logging, system],
            swiftSettings: rooms),
        .target(
            name: "Net",
            dependencies: [
                "System", "Torrent", "PeerWire", "TrackerWire", nioCore, nioEmbedded, nioPosix, nioHTTP1, collections,
                nioHTTPCompression, nioSSL,
                logging,
            ],
            swiftSettings: rooms),
        .target(
            name: "Engine",
            dependencies: [
                "System", "Torrent", "PeerWire", "TrackerWire", "DHT", "Discovery", "Swarm", "Store", "Recovery",
                "Disk", "Verification", "Net",
                nioCore,
                nioPosix, logging, collections,
            ],
            swiftSettings: rooms),
        .target(
            name: "Library",
            dependencies: [
                "Engine", "System", "Torrent", "Import", "Store", "Recovery", "Disk", "Verification", "Net", nioPosix,
                system,
            ],
            swiftSettings: rooms),
        .executableTarget(
            name: "pieces",
            dependencies: [
                "Library", "Engine", "Verification", "System", "Store", "Recovery", "Disk", "Torrent", "Import",
                argumentParser,
                logging,
                nioCore,
                nioPosix, system,
            ],
            swiftSettings: rooms, linkerSettings: selfContained),

        // Rules that the compiler doesn't check.
        .testTarget(name: "TidyTests", swiftSettings: house),
        // Tests mirror the rooms; the lab is a swarm in a box, in virtual time.
        .testTarget(name: "SystemRoomTests", dependencies: ["System", system], swiftSettings: house),
        .testTarget(name: "BencodeTests", dependencies: ["Bencode", "Torrent"], swiftSettings: house),
        .testTarget(name: "CPieceHashTests", dependencies: ["CPieceHash", "Torrent", crypto], swiftSettings: house),
        .testTarget(name: "TorrentTests", dependencies: ["Torrent", "Bencode", system], swiftSettings: house),
        .testTarget(name: "ImportTests", dependencies: ["Import", "Bencode", "Torrent"], swiftSettings: house),
        .testTarget(name: "PeerWireTests", dependencies: ["PeerWire", "Torrent", nioCore], swiftSettings: house),
        .testTarget(
            name: "TrackerWireTests", dependencies: ["TrackerWire", "Torrent", "Bencode"], swiftSettings: house),
        .testTarget(name: "DiscoveryTests", dependencies: ["Discovery", "Torrent"], swiftSettings: house),
        .target(name: "DHTLab", dependencies: ["DHT", "Torrent"], path: "Tests/DHTLab", swiftSettings: house),
        .testTarget(name: "DHTTests", dependencies: ["DHTLab", "DHT", "Torrent", "Bencode"], swiftSettings: house),
        .target(name: "SwarmLab", dependencies: ["Swarm", "Torrent"], path: "Tests/SwarmLab", swiftSettings: house),
        .testTarget(name: "SwarmTests", dependencies: ["SwarmLab", "Swarm", "Torrent"], swiftSettings: house),
        .testTarget(
            name: "StoreTests",
            dependencies: ["DatabaseLab", "Store", "System", "Recovery", "Torrent", "Migrations", "CSQLite", system],
            swiftSettings: house),
        // What the tests of the database share: folders, torrents that were made up, and damage.
        .target(
            name: "DatabaseLab", dependencies: ["Store", "Torrent", system], path: "Tests/DatabaseLab",
            swiftSettings: house),
        .testTarget(
            name: "RecoveryTests",
            dependencies: ["DatabaseLab", "Store", "System", "Recovery", "Torrent", "Migrations", "CSQLite", system],
            swiftSettings: house),
        .testTarget(
            name: "DiskTests",
            dependencies: ["TestSupport", "Disk", "System", "Torrent", "CPieceHash", system],
            swiftSettings: house),
        .testTarget(
            name: "VerificationTests", dependencies: ["Verification", "Store", "Disk", "Torrent", system],
            swiftSettings: house),
        .testTarget(
            name: "LibraryTests",
            dependencies: [
                "TestSupport", "Library", "Verification", "Import", "Bencode", "Store", "Disk", "System", "Torrent",
                system,
            ],
            swiftSettings: house),
        .target(
            name: "TestSupport",
            dependencies: [
                "Torrent", "Bencode", "PeerWire", "Store", "Disk", "System", nioCore, nioPosix, system, logging,
            ],
            path: "Tests/TestSupport",
            swiftSettings: house),
        .target(
            name: "CFaultShim", path: "Tests/CFaultShim",
            cSettings: [.define("_GNU_SOURCE"), .unsafeFlags(["-O2", "-Wall", "-Wextra", "-Werror"])]),
        .testTarget(
            name: "EngineTests",
            dependencies: [
                "TestSupport", "Engine", "Store", "Recovery", "Migrations", "CSQLite", "Disk", "Torrent", "Net", "DHT",
                "Swarm",
                "PeerWire", nioCore, nioPosix, nioHTTP1,
                system, logging,
            ],
            swiftSettings: house),
        // Power cuts: a recorded disk under payload and database.
        .target(
            name: "CCrashVFS", dependencies: ["CSQLite"], path: "Tests/CCrashVFS",
            cSettings: [.unsafeFlags(["-Wall", "-Wextra", "-Werror"])]),
        .target(
            name: "CrashLab",
            dependencies: [
                "CCrashVFS", "TestSupport", "Engine", "Library", "Store", "Recovery", "Migrations", "Disk", "Swarm",
                "Torrent", "Bencode", system,
            ],
            path: "Tests/CrashLab", swiftSettings: house),
        .testTarget(
            name: "CrashTests",
            dependencies: [
                "CrashLab", "TestSupport", "Engine", "Store", "Recovery", "Migrations", "Disk", "Torrent", system,
            ],
            swiftSettings: house),
        // Hostile hosts, for the tests and for the benchmark alike.
        .target(name: "SiegeLab", path: "Tests/SiegeLab", swiftSettings: house),
        .testTarget(
            name: "SystemTests",
            dependencies: [
                "TestSupport", "SiegeLab", "Torrent", "Store", "PeerWire", nioCore, nioPosix, system, "pieces",
            ],
            exclude: [
                "NewUser.sh", "Support/ARMCheck.c", "Support/foreign_client.py", "Support/TransmissionDHT.sh",
                "Support/TransmissionLocal.sh",
                "Support/dht_network.py", "Support/local_peer.py",
            ], swiftSettings: house),
        .executableTarget(
            name: "pieces-bench",
            dependencies: ["SiegeLab", "DHTLab", "DHT", "CPieceHash", "Store", "System", "Torrent", system],
            path: "Tests/Benchmarks", swiftSettings: house
        ),
        .testTarget(
            name: "PiecesTests",
            dependencies: [
                "TestSupport", "pieces", "Library", "Verification", "Store", "Recovery", "Torrent", argumentParser,
                system,
            ],
            exclude: ["HelpSnapshots"], swiftSettings: house),
        .testTarget(
            name: "FaultTests", dependencies: ["TestSupport", "Torrent", "Store", "Migrations", system, "pieces"],
            swiftSettings: house),
        .testTarget(
            name: "NetTests",
            dependencies: [
                "TestSupport", "Net", "PeerWire", "TrackerWire", "Torrent", nioCore, nioEmbedded, nioPosix, nioSSL,
                system,
            ],
            swiftSettings: house),
    ],
    swiftLanguageModes: [.v6]
)

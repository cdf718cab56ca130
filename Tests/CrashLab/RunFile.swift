import Bencode
package import SystemPackage
import TestSupport

/// A recorded run as a file, so that a state of it can be looked at again: sessions with threads and sockets never run
/// twice alike.
package enum RunFile {
    package static func write(_ run: RecordedRun, to path: FilePath) throws {
        let value: BencodeValue = [
            "entries": .list(run.entries.map { .list([.integer(Int64($0.number))] + encoded($0.operation)) }),
            "first": .integer(Int64(run.first)), "name": .text(run.name), "seed": .integer(Int64(bitPattern: run.seed)),
        ]
        try Files.write(Bencode.encode(value), to: path)
    }

    /// Throws when the file isn't one that ``write(_:to:)`` made.
    package static func read(_ path: FilePath) throws -> RecordedRun {
        let value = try Bencode.decode(try Files.read(path), limits: Bencode.Limits(nodes: 1 << 24))
        guard let name = value["name"]?.text, let seed = value["seed"]?.integer, let first = value["first"]?.integer,
            let entries = value["entries"]?.list, let scenario = Scenario.named(name)
        else { throw CrashFault("\(path) is not a recorded run of a scenario that is known here") }
        let seedBits = UInt64(bitPattern: seed)
        return RecordedRun(
            name, seed: seedBits, try scenario.parts(seedBits), try entries.map { try entry(Fields($0)) },
            first: Int(first),
            removes: scenario.removes, mends: scenario.mends)
    }

    // MARK: Operations

    private static func encoded(_ operation: DiskOperation) -> [BencodeValue] {
        func node(_ node: Node) -> BencodeValue { .integer(Int64(node.number)) }
        func number(_ number: Int) -> BencodeValue { .integer(Int64(number)) }
        return switch operation {
        case .makeDirectory(let made, let name, let parent, let owner):
            ["mkdir", node(made), .text(name), node(parent), number(owner.rawValue)]
        case .makeFile(let made, let name, let parent, let owner):
            ["make", node(made), .text(name), node(parent), number(owner.rawValue)]
        case .link(let file, let name, let parent): ["link", node(file), .text(name), node(parent)]
        case .remove(let name, let parent): ["remove", .text(name), node(parent)]
        case .rename(let file, let old, let new, let parent):
            ["rename", node(file), .text(old), .text(new), node(parent)]
        case .setTime(let file, let time): ["time", node(file), .integer(time)]
        case .syncWhole(let file, let began, let owner):
            ["syncwhole", node(file), number(began), number(owner.rawValue)]
        case .write(let file, let offset, let bytes, let time):
            ["write", node(file), number(offset), .string(bytes), .integer(time)]
        case .resize(let file, let length, let time): ["resize", node(file), number(length), .integer(time)]
        case .syncFile(let file, let began, let owner): ["sync", node(file), number(began), number(owner.rawValue)]
        case .syncDirectory(let file, let began, let owner):
            ["syncdir", node(file), number(began), number(owner.rawValue)]
        case .lose(let file): ["lose", node(file)]
        case .nothing: ["nothing"]
        case .powerCut(let cut):
            [
                "cut", .integer(Int64(bitPattern: cut.seed)), number(cut.payload.code), number(cut.database.code),
                number(cut.names.code),
            ]
        }
    }

    private static func entry(_ fields: Fields) throws -> LogEntry {
        var fields = fields
        let number = try fields.number()
        let kind = try fields.text()
        let operation: DiskOperation =
            switch kind {
            case "mkdir":
                .makeDirectory(try fields.node(), named: try fields.text(), in: try fields.node(), try fields.owner())
            case "make":
                .makeFile(try fields.node(), named: try fields.text(), in: try fields.node(), try fields.owner())
            case "link": .link(try fields.node(), named: try fields.text(), in: try fields.node())
            case "remove": .remove(named: try fields.text(), in: try fields.node())
            case "rename":
                .rename(try fields.node(), from: try fields.text(), to: try fields.text(), in: try fields.node())
            case "time": .setTime(try fields.node(), at: Int64(try fields.number()))
            case "syncwhole": .syncWhole(try fields.node(), began: try fields.number(), try fields.owner())
            case "write":
                .write(
                    try fields.node(), offset: try fields.number(), bytes: try fields.bytes(),
                    at: Int64(try fields.number()))
            case "resize": .resize(try fields.node(), length: try fields.number(), at: Int64(try fields.number()))
            case "sync": .syncFile(try fields.node(), began: try fields.number(), try fields.owner())
            case "syncdir": .syncDirectory(try fields.node(), began: try fields.number(), try fields.owner())
            case "lose": .lose(try fields.node())
            case "nothing": .nothing
            case "cut":
                .powerCut(
                    Cut(
                        seed: UInt64(bitPattern: Int64(try fields.number())),
                        payload: Cut.Fate(code: try fields.number()),
                        database: Cut.Fate(code: try fields.number()), names: Cut.Fate(code: try fields.number())))
            default: throw CrashFault("a recorded run has no operation “\(kind)”")
            }
        return LogEntry(number, operation)
    }

    /// The values of one entry, first to last.
    private struct Fields {
        private var rest: ArraySlice<BencodeValue>

        init(_ value: BencodeValue) { rest = (value.list ?? [])[...] }

        mutating func next() throws -> BencodeValue {
            guard let value = rest.popFirst() else { throw CrashFault("an entry of a recorded run ends too early") }
            return value
        }

        mutating func number() throws -> Int {
            guard let number = try next().integer else { throw CrashFault("an entry of a recorded run lacks a number") }
            return Int(number)
        }

        mutating func bytes() throws -> [UInt8] {
            guard let bytes = try next().bytes else { throw CrashFault("an entry of a recorded run lacks bytes") }
            return bytes
        }

        mutating func text() throws -> String { String(decoding: try bytes(), as: UTF8.self) }
        mutating func node() throws -> Node { Node(try number()) }
        mutating func owner() throws -> Owner {
            guard let owner = Owner(rawValue: try number()) else {
                throw CrashFault("an entry of a recorded run has no owner")
            }
            return owner
        }
    }
}

extension Cut.Fate {
    /// 0, 1 and 2, or the length of the unit.
    fileprivate var code: Int {
        switch self {
        case .lost: 0
        case .kept: 1
        case .stopped: 2
        case .torn(let unit): unit
        }
    }

    fileprivate init(code: Int) {
        self =
            switch code {
            case 0: .lost
            case 1: .kept
            case 2: .stopped
            default: .torn(code)
            }
    }
}

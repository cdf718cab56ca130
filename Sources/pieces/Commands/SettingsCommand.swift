import ArgumentParser
import Library
import Store
import Torrent

/// `pieces settings`
struct SettingsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "settings", abstract: "Show or change the settings of the program, each with its origin.",
        discussion: """
            A setting comes from the first of these that has it: an option of the command, the environment (PIECES_ and the name \
            in upper case, with _ for -), the database (`pieces settings set`), your file $XDG_CONFIG_HOME/pieces/pieces.toml \
            (~/.config if XDG_CONFIG_HOME isn't set), the system's file /etc/pieces/pieces.toml, the default. The files are TOML \
            with one setting per line:

              output = "/srv/mirror"
              listen-port = 51413
              upload-limit = "5M"

            A running engine applies most changes of `set` and `unset` at once, and changes of a file after SIGHUP.

            Examples:
              pieces settings
              pieces settings set upload-limit 5M
              pieces settings unset upload-limit
            """,
        subcommands: [List.self, Get.self, Set.self, Unset.self], defaultSubcommand: List.self)

    /// `pieces settings list`
    struct List: AnsweringCommand, Command {
        static let configuration = CommandConfiguration(
            commandName: "list", abstract: "List all settings with their values and origins.",
            discussion: """
                Examples:
                  pieces settings list
                  pieces settings list --json
                """)

        @Flag(help: "Print JSON: an array of objects with key, value, origin, default and summary.")
        var json = false

        @OptionGroup(title: "Global options", visibility: .hidden) var global: GlobalOptions

        func run() async throws {
            let settings = try global.settings
            json ? Terminal.shared.print(bytes: Self.object(settings)) : Self.print(settings)
        }

        private static func object(_ settings: Settings) -> [UInt8] {
            JSONWriter.line { json in
                json.array("settings", SettingKey.allCases) { json, key in
                    json.object { json in
                        json.field("key", key.rawValue)
                        json.field("value", settings.text(key))
                        json.field("origin", settings.origin(key).text)
                        json.field("default", key.standard)
                        json.field("summary", key.summary)
                    }
                }
            }
        }

        private static func print(_ settings: Settings) {
            var table = Table(
                [.left("SETTING"), .left("VALUE"), .left("ORIGIN"), .left("MEANING")], flexible: 1, droppable: [3])
            for key in SettingKey.allCases {
                table.add([
                    key.rawValue, (settings.text(key) ?? key.standard).printable, settings.origin(key).text,
                    key.summary,
                ])
            }
            let width = Terminal.shared.isInteractive ? Terminal.shared.size.width - 1 : nil
            Terminal.shared.print(bytes: Array(table.text(width: width).utf8))
            if let holds = settings.alternativeLimitsHold(now: .now()) {
                Terminal.shared.print("the alternative limits \(holds ? "hold" : "don't hold") now")
            }
        }
    }

    /// `pieces settings get`
    struct Get: AnsweringCommand, Command {
        static let configuration = CommandConfiguration(
            commandName: "get", abstract: "Print the value of one setting; nothing if it has none.",
            discussion: """
                Examples:
                  pieces settings get upload-limit
                """)

        @OptionGroup var name: SettingName
        @OptionGroup(title: "Global options", visibility: .hidden) var global: GlobalOptions

        func run() async throws {
            let key = try SettingKey(named: name.key)
            let value = key == .database ? try global.path.text : try global.settings.text(key)
            if let value { Terminal.shared.print(value.printable) }
        }
    }

    /// `pieces settings set`
    struct Set: Command {
        static let configuration = CommandConfiguration(
            commandName: "set", abstract: "Store a setting in the database.",
            discussion: """
                It applies to this database, and is stronger than the settings files. A running engine applies it.

                Examples:
                  pieces settings set seed-goal 2.0
                  pieces settings set on-complete '/usr/local/bin/notify'
                """)

        @OptionGroup var name: SettingName
        @Argument(help: "The new value.") var value: String
        @OptionGroup(title: "Global options", visibility: .hidden) var global: GlobalOptions

        func run() async throws {
            let key = try SettingKey(named: name.key)
            let checked: SettingValue
            let text = key.isPath ? try NewFile.absolute(value).text : value
            do throws(BadValue) { checked = try SettingValue(text, for: key, home: nil) } catch {
                throw Failure.usage("\(key.rawValue): \"\(value.printable)\": \(error)")
            }
            let library = Library(try global.openToAdd())
            try library.set(key, checked)
            try SettingName.tell(key, global, library)
        }
    }

    /// `pieces settings unset`
    struct Unset: Command {
        static let configuration = CommandConfiguration(
            commandName: "unset", abstract: "Remove a setting from the database.",
            discussion: """
                Examples:
                  pieces settings unset upload-limit
                """)

        @OptionGroup var name: SettingName
        @OptionGroup(title: "Global options", visibility: .hidden) var global: GlobalOptions

        func run() async throws {
            let key = try SettingKey(named: name.key)
            let library = Library(try global.openToChange())
            try library.set(key, nil)
            try SettingName.tell(key, global, library)
        }
    }
}

/// The name of a setting as an argument.
struct SettingName: ParsableArguments {
    @Argument(
        help: ArgumentHelp("Name of the setting; `pieces settings` lists them.", valueName: "setting"),
        completion: .list(SettingKey.allCases.map(\.rawValue)))
    var key: String

    /// Says which value applies after a change, from where, and from when on.
    static func tell(_ key: SettingKey, _ global: GlobalOptions, _ library: Library) throws {
        let settings = try global.settings
        let value = settings.text(key) ?? key.standard
        let when =
            switch key.effect {
            case .nextCommand: ""
            case .nextRun: "; a running engine uses it after its next start"
            case .soon: try library.engine().isRunning ? "; the running engine applies it now" : ""
            }
        Terminal.shared.print("\(key.rawValue) = \(value.printable) (\(settings.origin(key).text))\(when)")
    }
}

import ArgumentParser

/// The values of an option that turns something on or off.
enum OnOff: String, CaseIterable, ExpressibleByArgument {
    case on, off
}

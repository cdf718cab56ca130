// Room: Limits.
// Duty: the limits that the system sets for this process, in the terms that users know.
// Owns: nothing.
// Never: decides what to do when a limit is reached.
// Invariants: a limit is reported only where it is set, with its current value.

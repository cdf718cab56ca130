// Room: TestSupport.
// Duty: what tests share: synthetic content, temporary folders, scripted peers and trackers, a faulty disk, real
// programs.
// Owns: every socket, folder and process that a test starts through it, until the test ends.
// Never: is part of a product; keeps content in the repository.
// Invariants: content is a function of a seed and an offset; nothing outlives the scope that made it.

import Engine
print("pieces \(Program.version)")

/// The hash of lists that publishers have had for decades (RFC 1321). It says whether a copy arrived whole; it proves
/// nothing against someone who forges content.
struct MD5 {
    static let blockLength = 64
    static let byteCount = 16

    private static let shifts: [UInt32] = [7, 12, 17, 22, 5, 9, 14, 20, 4, 11, 16, 23, 6, 10, 15, 21]
    /// The integer parts of 2³² · |sin(n + 1)|.
    private static let sines: [UInt32] = [
        0xd76a_a478, 0xe8c7_b756, 0x2420_70db, 0xc1bd_ceee, 0xf57c_0faf, 0x4787_c62a, 0xa830_4613, 0xfd46_9501,
        0x6980_98d8, 0x8b44_f7af, 0xffff_5bb1, 0x895c_d7be, 0x6b90_1122, 0xfd98_7193, 0xa679_438e, 0x49b4_0821,
        0xf61e_2562, 0xc040_b340, 0x265e_5a51, 0xe9b6_c7aa, 0xd62f_105d, 0x0244_1453, 0xd8a1_e681, 0xe7d3_fbc8,
        0x21e1_cde6, 0xc337_07d6, 0xf4d5_0d87, 0x455a_14ed, 0xa9e3_e905, 0xfcef_a3f8, 0x676f_02d9, 0x8d2a_4c8a,
        0xfffa_3942, 0x8771_f681, 0x6d9d_6122, 0xfde5_380c, 0xa4be_ea44, 0x4bde_cfa9, 0xf6bb_4b60, 0xbebf_bc70,
        0x289b_7ec6, 0xeaa1_27fa, 0xd4ef_3085, 0x0488_1d05, 0xd9d4_d039, 0xe6db_99e5, 0x1fa2_7cf8, 0xc4ac_5665,
        0xf429_2244, 0x432a_ff97, 0xab94_23a7, 0xfc93_a039, 0x655b_59c3, 0x8f0c_cc92, 0xffef_f47d, 0x8584_5dd1,
        0x6fa8_7e4f, 0xfe2c_e6e0, 0xa301_4314, 0x4e08_11a1, 0xf753_7e82, 0xbd3a_f235, 0x2ad7_d2bb, 0xeb86_d391,
    ]

    private var state: (UInt32, UInt32, UInt32, UInt32) = (0x6745_2301, 0xefcd_ab89, 0x98ba_dcfe, 0x1032_5476)

    /// Takes in whole blocks.
    mutating func update(_ bytes: UnsafeRawBufferPointer) {
        Self.sines.withUnsafeBufferPointer { sines in
            Self.shifts.withUnsafeBufferPointer { shifts in
                for start in stride(from: 0, to: bytes.count, by: Self.blockLength) {
                    block(UnsafeRawBufferPointer(rebasing: bytes[start..<start + Self.blockLength]), sines, shifts)
                }
            }
        }
    }

    private mutating func block(
        _ block: UnsafeRawBufferPointer, _ sines: UnsafeBufferPointer<UInt32>, _ shifts: UnsafeBufferPointer<UInt32>
    ) {
        var (a, b, c, d) = state
        for n in 0..<64 {
            let (mix, word): (UInt32, Int)
            switch n >> 4 {
            case 0: (mix, word) = (d ^ (b & (c ^ d)), n)
            case 1: (mix, word) = (c ^ (d & (b ^ c)), (5 &* n &+ 1) & 15)
            case 2: (mix, word) = (b ^ c ^ d, (3 &* n &+ 5) & 15)
            default: (mix, word) = (c ^ (b | ~d), (7 &* n) & 15)
            }
            let value = UInt32(littleEndian: block.loadUnaligned(fromByteOffset: word &* 4, as: UInt32.self))
            let sum = a &+ mix &+ sines[n] &+ value
            let shift = shifts[(n >> 4) &* 4 &+ (n & 3)]
            (a, d, c) = (d, c, b)
            b = b &+ (sum &<< shift | sum &>> (32 &- shift))
        }
        state = (state.0 &+ a, state.1 &+ b, state.2 &+ c, state.3 &+ d)
    }

    /// The digest, given the bytes after the last whole block and the number of all bytes.
    func digest(tail: some Collection<UInt8>, total: UInt64) -> [UInt8] {
        var rest = Array(tail) + [0x80]
        while rest.count % Self.blockLength != 56 { rest.append(0) }
        withUnsafeBytes(of: (total &* 8).littleEndian) { rest += Array($0) }
        var last = self
        rest.withUnsafeBytes { last.update($0) }
        return [last.state.0, last.state.1, last.state.2, last.state.3].flatMap { word in
            withUnsafeBytes(of: word.littleEndian) { Array($0) }
        }
    }
}

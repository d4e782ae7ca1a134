import MapProtocols
import Testing

@Suite struct WindowGridTests {
  @Test(arguments: [4096, 12_288, 65_536, 1 << 20])
  func `windows tile the file without gap or overlap`(_ windowSize: Int) {
    let grid = WindowGrid(windowSize: windowSize, pageSize: 4096)
    for fileSize in [1, 4095, 4096, 4097, Int64(windowSize), Int64(windowSize) * 3 + 5] {
      var next: Int64 = 0
      for window in 0..<grid.count(fileSize: fileSize) {
        let bytes = grid.bytes(of: window, fileSize: fileSize)
        #expect(bytes.lowerBound == next)
        #expect(!bytes.isEmpty)
        #expect(grid.start(of: window) == bytes.lowerBound)
        #expect(grid.window(at: bytes.lowerBound) == window)
        #expect(grid.window(at: bytes.upperBound - 1) == window)
        next = bytes.upperBound
      }
      #expect(next == fileSize)
    }
  }

  @Test func `a range touches the windows that hold its first and last byte`() {
    let grid = WindowGrid(windowSize: 12_288, pageSize: 4096)
    #expect(grid.windows(of: 0..<1) == 0...0)
    #expect(grid.windows(of: 0..<12_288) == 0...0)
    #expect(grid.windows(of: 12_287..<12_289) == 0...1)
    #expect(grid.windows(of: 30_000..<100_000) == 2...8)
  }

  @Test func `past the end a window is empty`() {
    let grid = WindowGrid(windowSize: 4096, pageSize: 4096)
    #expect(grid.bytes(of: 2, fileSize: 5000).isEmpty)
    #expect(grid.count(fileSize: 0) == 0)
  }

  @Test func `one window holds a file of any size`() {
    let grid = WindowGrid.wholeFile
    #expect(grid.bytes(of: 0, fileSize: 1 << 50) == 0..<1 << 50)
    #expect(grid.count(fileSize: 1 << 50) == 1)
  }

  @Test func `a window size that is none is the caller's mistake`() async {
    await #expect(processExitsWith: .failure) {
      _ = WindowGrid(windowSize: 0, pageSize: 4096)
    }
    await #expect(processExitsWith: .failure) {
      _ = WindowGrid(windowSize: 5000, pageSize: 4096)
    }
  }
}

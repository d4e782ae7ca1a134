import Benchmark

/// What the plugin asks for: makes all benchmarks known. Each runs in a process of its own.
let benchmarks: @Sendable () -> Void = {
  CursorBenchmarks.register()
  BufferBenchmarks.register()
  PolicyBenchmarks.register()
}

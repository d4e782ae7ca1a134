import BenchmarkSupport

/// What a reader came to beside others: medians of runs.
struct PressureResult: Encodable {
  let hotSet: String
  let shape: String
  let reader: String
  /// Whole pages of the hot set a second.
  let hotReadsPerSecond: Double
  /// The same as a multiple of plain maps' under MADV_NORMAL.
  let hotOfNormal: Double
  /// Bytes of the cold file a second.
  let coldBytesPerSecond: Double
  /// The same as a multiple of a plain map's under MADV_RANDOM beside a hot one under MADV_NORMAL.
  let coldOfMixed: Double
  /// Bytes that the disk was read for, a second.
  let diskBytesPerSecond: Double
  /// What of the hot file was in the page cache in the end.
  let hotBytesCached: Int

  /// Results of each reader's runs of one kind.
  static func results(
    _ hotSet: HotSet, _ shape: ReadShape, _ runs: [PressureReader: [PressureRun]]
  ) -> [PressureResult] {
    func figure(_ reader: PressureReader, _ value: KeyPath<PressureRun, Double>) -> Double {
      median((runs[reader] ?? []).map { $0[keyPath: value] })
    }
    return PressureReader.allCases.map { reader in
      PressureResult(
        hotSet: hotSet.rawValue, shape: shape.rawValue, reader: reader.rawValue,
        hotReadsPerSecond: figure(reader, \.hotReads),
        hotOfNormal: figure(reader, \.hotReads) / figure(.normal, \.hotReads),
        coldBytesPerSecond: figure(reader, \.coldBytes),
        coldOfMixed: figure(reader, \.coldBytes) / figure(.mixed, \.coldBytes),
        diskBytesPerSecond: figure(reader, \.diskBytes),
        hotBytesCached: Int(figure(reader, \.hotCached)))
    }
  }

  static func table(_ results: [PressureResult]) -> String {
    var table = TextTable(
      ["reader", "hot M/s", "of normal", "cold MB/s", "of mixed", "disk MB/s", "hot cached"],
      leftAligned: 1)
    var heading = ""
    for result in results {
      let hotSet = HotSet(rawValue: result.hotSet)?.work ?? ""
      let next = "\(hotSet), beside \(ReadShape(rawValue: result.shape)?.work ?? "")"
      if next != heading { table.heading(next) }
      heading = next
      table.add([
        PressureReader(rawValue: result.reader)?.work ?? "",
        fixed(result.hotReadsPerSecond / 1e6, 2), fixed(result.hotOfNormal, 2),
        fixed(result.coldBytesPerSecond / 1e6, 1), fixed(result.coldOfMixed, 2),
        fixed(result.diskBytesPerSecond / 1e6, 1), ByteSize.text(result.hotBytesCached),
      ])
    }
    return table.render()
  }
}

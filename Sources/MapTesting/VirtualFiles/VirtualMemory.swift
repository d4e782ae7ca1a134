#if Schedule
  internal import Glibc
  import MapProtocols

  /// An extent of a virtual provider's: memory between two guards that must stay as they are.
  @safe
  final class VirtualMemory {
    /// The file it maps, or whose bytes were copied there; nil as long as there are none.
    private(set) var file: VirtualFile?
    let extent: Extent
    /// Whose it is.
    private(set) unowned var owner: VirtualProvider
    /// How far around what a map lacks the system brings in what the file has; see `MappingProperties.faultAround`.
    private var faultAround: Int64
    /// Whether it shows the file itself, as a map does; otherwise it holds copies.
    private(set) var isMap: Bool
    /// Which pages of the file have been brought in; of those before a span none ever is.
    private var pages: [Bool]
    /// Which of its pages have access; see `Extent.opensWindows`.
    private var open: [Bool]
    /// Who hears of pages that are missing, and how far zeros take their place.
    private var watch: (poison: ExtentPoison, windowSize: Int)?
    /// Since which step zeros stand for pages, for good.
    private var missing: [Int: Int] = [:]
    /// Windows that are being loaded just now.
    var loading: [Range<Int64>] = []

    static let pageSize = 4096
    /// What memory holds that was given back or never filled.
    static let emptied: UInt8 = 0xDD
    private static let guardByte: UInt8 = 0xEE
    private static let guardSize = 48 << 10
    /// So that addresses agree with offsets modulo what a page table stands for, whatever the allocator gives: a seed repeats its schedule.
    private static let alignment = 16 << 10
    private static let pattern = [UInt8](repeating: guardByte, count: guardSize)

    /// Memory for copies, or a map of a file, from its start or of a span.
    init(
      _ file: VirtualFile?, from offset: Int64 = 0, byteCount: Int, opensWindows: Bool = false,
      owner: VirtualProvider
    ) {
      self.file = file
      isMap = file != nil
      self.owner = owner
      faultAround = Int64(owner.faultAround)
      let base = UnsafeMutableRawPointer.allocate(
        byteCount: byteCount + 2 * Self.guardSize, alignment: Self.alignment)
      unsafe base.initializeMemory(
        as: UInt8.self, repeating: Self.guardByte, count: Self.guardSize)
      unsafe (base + Self.guardSize).initializeMemory(
        as: UInt8.self, repeating: Self.emptied, count: byteCount)
      unsafe (base + Self.guardSize + byteCount).initializeMemory(
        as: UInt8.self, repeating: Self.guardByte, count: Self.guardSize)
      extent = unsafe Extent(
        base: base + Self.guardSize, byteCount: byteCount, offset: offset,
        opensWindows: opensWindows)
      pages = Array(repeating: false, count: Int(offset + Int64(byteCount)) / Self.pageSize)
      open = Array(repeating: !opensWindows, count: pages.count)
      hold()
    }

    private func hold() {
      guard isMap, let file else { return }
      file.holders += 1
      file.memories.append(self)
    }

    /// Whether nothing wrote outside the extent.
    var isWhole: Bool {
      unsafe memcmp(extent.base - Self.guardSize, Self.pattern, Self.guardSize) == 0
        && memcmp(extent.base + extent.byteCount, Self.pattern, Self.guardSize) == 0
    }

    /// Where byte 0 of the file lies, or would.
    private var origin: UnsafeMutableRawPointer { unsafe extent.base - Int(extent.offset) }

    var addresses: Range<UInt> {
      let base = unsafe UInt(bitPattern: extent.base)
      return base..<base + UInt(extent.byteCount)
    }

    /// How many of its pages have been brought in.
    var loadedPages: Int { pages.count { $0 } }

    /// Lets the memory go.
    func free() {
      if isMap, let file {
        file.holders -= 1
        file.memories.removeAll { $0 === self }
      }
      unsafe (extent.base - Self.guardSize).deallocate()
    }

    /// Makes copies a map of the file.
    func becomeMap(of file: VirtualFile, _ provider: VirtualProvider) {
      owner = provider
      faultAround = Int64(owner.faultAround)
      self.file = file
      isMap = true
      open = Array(repeating: true, count: pages.count)
      hold()
      empty(extent.range)
    }

    /// Gives a range access, or takes it away.
    func setOpen(_ isOpen: Bool, _ range: Range<Int64>) {
      for page in pages(of: range) { open[page] = isOpen }
    }

    /// Whether all of a range has access.
    func isOpen(_ range: Range<Int64>) -> Bool { pages(of: range).allSatisfy { open[$0] } }

    /// How many of its pages were given access.
    var openPages: Int { open.count { $0 } }

    /// Copies bytes of a file there, as reading them does; false if those of another file are there.
    func fill(_ range: Range<Int64>, from file: VirtualFile) -> Bool {
      if let known = self.file, known !== file { return false }
      self.file = file
      for page in pages(of: range) { pages[page] = true }
      unsafe file.copy(range, to: origin)
      return true
    }

    private func pages(of range: Range<Int64>) -> Range<Int> {
      let page = Int64(Self.pageSize)
      return Int(range.lowerBound / page)..<Int((range.upperBound + page - 1) / page)
    }

    /// Whether a range lies in the extent.
    func holds(_ range: Range<Int64>) -> Bool {
      range.clamped(to: extent.range) == range
    }

    /// Brings pages of a map in.
    func load(_ range: Range<Int64>) {
      guard let file else { return }
      var range = range
      let isMissing = pages(of: range).contains { !pages[$0] }
      if faultAround > 0 && isMissing && file.now.size > 0 {
        let end = (range.upperBound + faultAround - 1) / faultAround * faultAround
        // Not past the file's last page.
        let last = (file.now.size + Int64(Self.pageSize) - 1) & -Int64(Self.pageSize)
        let start = max(range.lowerBound / faultAround * faultAround, extent.offset)
        range = start..<max(range.upperBound, min(end, last, extent.range.upperBound))
      }
      // There is nothing behind its end for a map to show.
      let there = pages(of: range).clamped(to: pages(of: 0..<file.now.size))
      for page in there where !pages[page] && missing[page] == nil {
        pages[page] = true
        let start = Int64(page * Self.pageSize)
        unsafe file.copy(start..<start + Int64(Self.pageSize), to: origin)
      }
    }

    /// Brings in pages of a map, as touching them does. What its file does not have becomes zeros, as a guard makes them.
    func touch(_ range: Range<Int64>, _ scheduler: Scheduler) {
      let range = range.clamped(to: extent.range)
      load(range)
      guard let file else { return }
      for page in pages(of: range)
      where missing[page] == nil && page >= pages(of: 0..<file.now.size).upperBound {
        guard let (poison, windowSize) = watch else {
          scheduler.fail("touches a page that is missing, and nobody watches")
        }
        let start = page * Self.pageSize
        let (window, overflow) = (start / windowSize + 1).multipliedReportingOverflow(
          by: windowSize)
        let last = Int(extent.range.upperBound)
        let end = overflow ? last : min(window, last)
        poison.note(Int64(start)..<Int64(end))
        scheduler.pass("missing pages noted")
        for other in page..<end / Self.pageSize where missing[other] == nil {
          missing[other] = scheduler.step
          pages[other] = false
          unsafe (origin + other * Self.pageSize).initializeMemory(
            as: UInt8.self, repeating: 0, count: Self.pageSize)
        }
      }
    }

    /// Since when zeros stand for a byte that is missing.
    func missingSince(_ offset: Int64) -> Int? { missing[Int(offset) / Self.pageSize] }

    /// From now on somebody hears of missing pages; nobody if nil.
    func watch(by watch: (poison: ExtentPoison, windowSize: Int)?) { self.watch = watch }

    /// Takes pages out.
    func empty(_ range: Range<Int64>) {
      for page in pages(of: range) where pages[page] {
        pages[page] = false
        unsafe (origin + page * Self.pageSize).initializeMemory(
          as: UInt8.self, repeating: Self.emptied, count: Self.pageSize)
      }
    }

    /// Loses what lies in no page of the file any more, where it is a map of it.
    func cut(to size: Int64) {
      let end = (size + Int64(Self.pageSize) - 1) & -Int64(Self.pageSize)
      if isMap { empty((end..<Int64.max).clamped(to: extent.range)) }
    }

    /// Shows what was written to the file that it maps.
    func show(_ range: Range<Int64>, of file: VirtualFile) {
      guard isMap else { return }
      let within = range.clamped(to: extent.range)
      if within.isEmpty { return }
      for page in pages(of: within) where pages[page] && missing[page] == nil {
        let start = Int64(page * Self.pageSize)
        let bytes = (start..<start + Int64(Self.pageSize)).clamped(to: within)
        unsafe file.copy(bytes, to: origin)
      }
    }
  }
#endif

/// Files in order of use, the least recently used first.
///
/// Intrusive and doubly linked, so that every operation is O(1). A list does not own its files: a file leaves its lists
/// before the last reference to it goes.
@safe
struct EntryList {
  /// Which of a file's two places the list uses.
  enum Kind { case files, handles }

  private let kind: Kind
  private(set) unowned(unsafe) var first: FileEntry?
  private unowned(unsafe) var last: FileEntry?
  private(set) var count = 0

  init(_ kind: Kind) { self.kind = kind }

  /// Adds a file as the most recently used.
  mutating func append(_ entry: FileEntry) {
    unsafe entry[kind] = EntryLinks(next: nil, previous: last, isLinked: true)
    if let last = unsafe last { unsafe last[kind].next = entry } else { unsafe first = entry }
    unsafe last = entry
    count += 1
  }

  /// Takes a file out, if it is in.
  mutating func remove(_ entry: FileEntry) {
    let place = entry[kind]
    guard place.isLinked else { return }
    if let previous = unsafe place.previous {
      unsafe previous[kind].next = place.next
    } else {
      unsafe first = place.next
    }
    if let next = unsafe place.next {
      unsafe next[kind].previous = place.previous
    } else {
      unsafe last = place.previous
    }
    entry[kind] = EntryLinks()
    count -= 1
  }

  /// Makes a file the most recently used.
  mutating func touch(_ entry: FileEntry) {
    if unsafe last === entry { return }
    remove(entry)
    append(entry)
  }

  func next(after entry: FileEntry) -> FileEntry? { unsafe entry[kind].next }
}

/// A file's place in a list.
@safe
struct EntryLinks {
  unowned(unsafe) var next: FileEntry?
  unowned(unsafe) var previous: FileEntry?
  var isLinked = false
}

extension FileEntry {
  fileprivate subscript(kind: EntryList.Kind) -> EntryLinks {
    get { kind == .files ? inFiles : inHandles }
    _modify {
      if kind == .files { yield &inFiles } else { yield &inHandles }
    }
  }
}

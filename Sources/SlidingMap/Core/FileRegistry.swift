import MapProtocols

/// Which files there are, by identity, and which look at them came when.
///
/// Who asks the system for a version notes the counter beforehand, with the lock; each adoption of a version raises it. Of two looks
/// that overlapped nobody knows which saw the file later, as clocks go back: one that began before the file's last adoption, and
/// brings another version, is made again.
struct FileRegistry: ~Copyable {
  private var files: [FileIdentity: TrackedFile] = [:]
  private var adoptions = 0

  /// When a look began.
  struct Look {
    fileprivate let adoptions: Int
  }

  init() {}

  /// The file of an identity. Whoever held it may be gone, and the number another file's.
  subscript(identity: FileIdentity) -> TrackedFile? { files[identity] }

  /// Makes a file the one that its identity stands for.
  ///
  /// - Returns: the one that did so before.
  mutating func enter(_ file: TrackedFile) -> TrackedFile? {
    files.updateValue(file, forKey: file.identity)
  }

  /// Forgets a file, unless its identity stands for another one.
  mutating func remove(_ file: TrackedFile) {
    if files[file.identity] === file { files[file.identity] = nil }
  }

  /// Begins a look.
  func look() -> Look { Look(adoptions: adoptions) }

  /// Whether another look was adopted since this one began, so that this may be the older one.
  func isOvertaken(_ look: Look, of file: TrackedFile) -> Bool {
    file.adoption > look.adoptions && !Turn.isPlanted("older look")
  }

  /// Notes that a version of a file was adopted, which a look brought just now.
  mutating func noteAdoption(of generation: FileGeneration, by file: TrackedFile) {
    adoptions += 1
    file.adoption = adoptions
    file.generation = generation
  }
}

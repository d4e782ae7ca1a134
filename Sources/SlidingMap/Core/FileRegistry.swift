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

  /// What a file's record keeps of looks.
  struct LookRecord {
    fileprivate var adopted: FileStatus
    /// Which of all adoptions that was.
    fileprivate var adoption = 0
    fileprivate var isAlone = false

    init(_ status: FileStatus) { adopted = status }

    /// What was adopted last.
    var status: FileStatus { adopted }
    /// Whether a thread looks at the file whose looks were overtaken again and again: no other look is adopted meanwhile.
    var isLooking: Bool { isAlone }
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

  /// Whether a look that brings another version may not be adopted: another one was since it began, so that this may be the older
  /// one, or somebody looks alone.
  ///
  /// - Parameter isAlone: whether that is who asks.
  func isOvertaken(_ look: Look, of file: TrackedFile, isAlone: Bool) -> Bool {
    if file.looks.isAlone && !isAlone { return true }
    return file.looks.adoption > look.adoptions && !Turn.isPlanted("older look")
  }

  /// Lets no look at a file be adopted but the caller's, until `endLookingAlone`.
  func beginLookingAlone(at file: TrackedFile) {
    precondition(!file.looks.isAlone, "two threads look alone")
    file.looks.isAlone = true
  }

  func endLookingAlone(at file: TrackedFile) { file.looks.isAlone = false }

  /// Notes that a version of a file was adopted, which a look brought just now.
  mutating func noteAdoption(of status: FileStatus, by file: TrackedFile) {
    adoptions += 1
    file.looks.adoption = adoptions
    file.looks.adopted = status
  }
}

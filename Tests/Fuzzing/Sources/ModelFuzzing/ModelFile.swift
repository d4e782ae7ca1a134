import FuzzSupport

/// A file as it should be: all versions of its content, in order. One thread at a time uses it.
final class ModelFile: @unchecked Sendable {
  /// For logs.
  let number: Int
  private(set) var versions: [[UInt8]]
  /// Whether bytes were ever taken off its end: maps may lack pages from then on.
  private(set) var wasCut = false
  /// Whether a name that led to it leads elsewhere, or nowhere; or it was opened by a descriptor, which no name need lead to.
  var mayBeLost = false

  init(_ content: [UInt8], number: Int) {
    versions = [content]
    self.number = number
  }

  var present: [UInt8] { versions[versions.count - 1] }
  var size: Int { present.count }
  /// The number of the present version.
  var latest: Int { versions.count - 1 }

  /// Notes that a name came or went: that changes the file's change time, and so counts as a change of the file.
  func touch() { versions.append(present) }

  func become(_ content: [UInt8]) {
    if content.count < size { wasCut = true }
    versions.append(content)
    log("file \(number): now \(size) bytes, version \(latest)")
  }
}

/// What a policy's author did wrong that shows only when it runs.
package enum PolicyMistake {
  /// In a struct, because a task-local value that is a function itself crashes in release builds of Swift 6.3.
  package struct Listener: Sendable {
    fileprivate let hear: @Sendable (String) -> Void
    package init(_ hear: @escaping @Sendable (String) -> Void) { self.hear = hear }
  }

  /// Who wants to hear of it instead of the program's end, on this task or thread: a conformance suite.
  @TaskLocal package static var listener: Listener?

  /// As often in a row `victim` may name pinned regions that it named before: readers may set marks meanwhile.
  package static func mostRepeats(of regions: Int) -> Int { 8 * regions + 1024 }

  /// Tells the listener, or ends the program.
  static func tell(_ name: String, _ mistake: String) {
    guard let listener else { refuse("eviction policy", name, mistake) }
    listener.hear(mistake)
  }
}

/// What a policy's author did wrong that shows only when it runs.
package enum PolicyMistake {
  /// Who wants to hear of it instead of the program's end, on this task or thread: a conformance suite.
  @TaskLocal package static var listener: (@Sendable (String) -> Void)?

  /// Tells the listener, or ends the program.
  static func tell(_ name: String, _ mistake: String) {
    guard let listener else { refuse("eviction policy", name, mistake) }
    listener(mistake)
  }
}

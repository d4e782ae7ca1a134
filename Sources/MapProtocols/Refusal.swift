/// Ends the program because a type that others wrote broke what its protocol asks: a precondition whose message release builds show, too.
///
/// - Parameters:
///   - kind: what it is, "backend".
///   - name: what it calls itself.
///   - mistake: what it did, as the rest of a sentence about it.
package func refuse(_ kind: String, _ name: String, _ mistake: String) -> Never {
  fatalError("the \(kind) \"\(name)\" \(mistake)")
}

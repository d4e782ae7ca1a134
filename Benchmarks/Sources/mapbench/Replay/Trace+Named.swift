import ArgumentParser
import SystemPackage
import Traces

extension Trace {
  /// Reads a trace that a user named.
  ///
  /// - Throws: `TraceFailure` for what is no trace; `ValidationError` for what can't be read.
  static func named(_ file: String, _ format: ReplayFormat?) throws -> Trace {
    do {
      return try Trace(FilePath(file), format)
    } catch let error as TraceError {
      throw TraceFailure(file: file, error: error)
    } catch {
      throw ValidationError("\(file): \(error)")
    }
  }

  /// What to say of a trace that was cut short; nil of a whole one.
  func note(_ file: String) -> String? {
    if !isCut { return nil }
    return
      "mapbench: \(file): ends too early, after \(grouped(requests.count)) requests, which were played"
  }
}

/// What a user named is no trace, or a damaged one.
struct TraceFailure: Error, CustomStringConvertible {
  let file: String
  let error: TraceError

  var description: String { "\(file): \(error)" }
}

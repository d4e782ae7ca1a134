/// Requests as they are read, their ids numbered from 0 in the order in which they first appear.
struct RequestList {
  /// As many as have numbers, the last of which means never.
  private static let limit = Int(Int32.max)

  private(set) var requests: [Int32] = []
  /// Whether there were more than have numbers; these are left out.
  private(set) var isTooLong = false
  private var numbers: [UInt64: Int32] = [:]

  /// How many different ids there are.
  var idCount: Int { numbers.count }

  mutating func append(_ id: UInt64) {
    if requests.count == Self.limit {
      isTooLong = true
      return
    }
    let next = Int32(numbers.count)
    let number = numbers[id, default: next]
    if number == next { numbers[id] = next }
    requests.append(number)
  }
}

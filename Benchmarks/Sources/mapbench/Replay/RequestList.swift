/// Requests as they are read, their ids numbered from 0 in the order in which they first appear.
struct RequestList {
  private(set) var requests: [Int32] = []
  private var numbers: [UInt64: Int32] = [:]

  /// How many different ids there are.
  var idCount: Int { numbers.count }

  mutating func append(_ id: UInt64) {
    let next = Int32(numbers.count)
    let number = numbers[id, default: next]
    if number == next { numbers[id] = next }
    requests.append(number)
  }
}

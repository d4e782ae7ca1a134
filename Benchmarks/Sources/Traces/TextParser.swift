/// One whole number a line, whatever it stands for. Empty lines and lines that begin with # are passed over.
struct TextParser: TraceParser {
  private var line = 1
  private var id: UInt64?
  private var isComment = false

  mutating func take(_ piece: [UInt8], _ requests: inout RequestList) throws {
    for byte in piece {
      switch byte {
      case UInt8(ascii: "\n"): endLine(&requests)
      case _ where isComment, UInt8(ascii: "\r"): break
      case UInt8(ascii: "#") where id == nil: isComment = true
      case UInt8(ascii: "0")...UInt8(ascii: "9"):
        let (shifted, overflow) = (id ?? 0).multipliedReportingOverflow(by: 10)
        let (sum, carry) = shifted.addingReportingOverflow(UInt64(byte - UInt8(ascii: "0")))
        if overflow || carry { throw TraceError.line(line) }
        id = sum
      default: throw TraceError.line(line)
      }
    }
  }

  /// The last line may lack its newline; but where bytes are missing, its last digits may be among them.
  mutating func end(_ requests: inout RequestList, isCut: Bool) -> Bool {
    if !isCut { endLine(&requests) }
    return !isCut
  }

  private mutating func endLine(_ requests: inout RequestList) {
    if let id { requests.append(id) }
    line += 1
    id = nil
    isComment = false
  }
}

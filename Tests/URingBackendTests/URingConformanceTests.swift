import MapProtocols
import MapTestSupport
import Testing
import URingBackend

@Suite struct URingConformanceTests {
  @Test(arguments: ProviderConformance.allCases)
  func uring(_ promise: ProviderConformance) async throws {
    try await promise.check { try .uring() }
  }

  @Test(arguments: ProviderConformance.allCases)
  func pastThePageCache(_ promise: ProviderConformance) async throws {
    try await promise.check { try .uring(direct: true) }
  }

  @Test(arguments: ProviderConformance.allCases)
  func directDescriptors(_ promise: ProviderConformance) async throws {
    try await promise.check { try .uring(opensDirectly: true) }
  }

  @Test(arguments: ProviderConformance.allCases)
  func pread(_ promise: ProviderConformance) async throws {
    try await promise.check { .pread }
  }

  @Test(arguments: ProviderConformance.allCases)
  func preadPastThePageCache(_ promise: ProviderConformance) async throws {
    try await promise.check { .pread(direct: true) }
  }
}

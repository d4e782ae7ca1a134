import MapProtocols
import MapTestSupport
import MapTesting
import Testing
import URingBackend

@Suite struct URingConformanceTests {
  @Test(arguments: ProviderConformance.Promise.allCases)
  func uring(_ promise: ProviderConformance.Promise) async throws {
    try await ProviderConformance.checkSystemFiles(promises: [promise]) { try .uring() }
  }

  @Test(arguments: ProviderConformance.Promise.allCases)
  func pastThePageCache(_ promise: ProviderConformance.Promise) async throws {
    try await ProviderConformance.checkSystemFiles(promises: [promise]) { try .uring(direct: true) }
  }

  @Test(arguments: ProviderConformance.Promise.allCases)
  func directDescriptors(_ promise: ProviderConformance.Promise) async throws {
    try await ProviderConformance.checkSystemFiles(promises: [promise]) {
      try .uring(opensDirectly: true)
    }
  }

  @Test(arguments: ProviderConformance.Promise.allCases)
  func pread(_ promise: ProviderConformance.Promise) async throws {
    try await ProviderConformance.checkSystemFiles(promises: [promise]) { .pread }
  }

  @Test(arguments: ProviderConformance.Promise.allCases)
  func preadPastThePageCache(_ promise: ProviderConformance.Promise) async throws {
    try await ProviderConformance.checkSystemFiles(promises: [promise]) { .pread(direct: true) }
  }
}

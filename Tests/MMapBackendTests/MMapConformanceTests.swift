import MMapBackend
import MapProtocols
import MapTestSupport
import MapTesting
import SlidingMap
import Testing

@Suite struct MMapConformanceTests {
  @Test(arguments: ProviderConformance.Promise.allCases)
  func mmap(_ promise: ProviderConformance.Promise) async throws {
    try await ProviderConformance.checkSystemFiles(promises: [promise]) { .mmap }
  }

  @Test(arguments: ProviderConformance.Promise.allCases)
  func populatingMMap(_ promise: ProviderConformance.Promise) async throws {
    try await ProviderConformance.checkSystemFiles(promises: [promise]) { .mmap(populate: true) }
  }

  @Test(arguments: ProviderConformance.Promise.allCases)
  func faultsThatNeverHappen(_ promise: ProviderConformance.Promise) async throws {
    try await ProviderConformance.checkSystemFiles(promises: [promise]) {
      FaultProvider(.mmap) { _ in nil }
    }
  }
}

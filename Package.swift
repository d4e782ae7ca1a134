// swift-tools-version: 6.2
import PackageDescription

/// The settings every Swift target of the package is built with; see CONTRIBUTING.md.
let strict: [SwiftSetting] = [
  .swiftLanguageMode(.v6),
  .strictMemorySafety(),
  .treatAllWarnings(as: .error),
  .enableUpcomingFeature("ExistentialAny"),
  .enableUpcomingFeature("InternalImportsByDefault"),
  .enableUpcomingFeature("MemberImportVisibility"),
  .enableExperimentalFeature("Lifetimes"),
]

/// io_uring: on Linux, unless the trait URing is left out.
let uring = BuildSettingCondition.when(platforms: [.linux], traits: ["URing"])

let deques = Target.Dependency.product(name: "DequeModule", package: "swift-collections")
let system = Target.Dependency.product(name: "SystemPackage", package: "swift-system")

let package = Package(
  name: "sliding-map",
  platforms: [.macOS("26.0")],
  products: [
    .library(name: "SlidingMap", targets: ["SlidingMap"]),
    .library(name: "MapProtocols", targets: ["MapProtocols"]),
    .library(name: "Policies", targets: ["Policies"]),
    .library(name: "MapTesting", targets: ["MapTesting"]),
  ],
  traits: [
    .default(enabledTraits: ["URing"]),
    .trait(
      name: "URing",
      description: "Reads by io_uring, through liburing. Without it the backend reads by pread."),
    .trait(
      name: "Schedule",
      description: "For tests: a scheduler decides by seed which thread goes on. Slow."),
  ],
  dependencies: [
    .package(url: "https://github.com/apple/swift-collections", from: "1.1.0"),
    .package(url: "https://github.com/apple/swift-system", from: "1.7.0"),
  ],
  targets: [
    .target(name: "CMapShims"),
    .target(name: "MapProtocols", dependencies: ["CMapShims", system], swiftSettings: strict),
    .target(name: "Policies", dependencies: ["MapProtocols", "CMapShims"], swiftSettings: strict),
    .target(
      name: "MMapBackend", dependencies: ["MapProtocols", "CMapShims", deques, system],
      swiftSettings: strict),
    .target(
      name: "CURing", dependencies: ["CMapShims"], cSettings: [.define("SMAP_URING", uring)],
      linkerSettings: [.linkedLibrary("uring", uring)]),
    .target(
      name: "URingBackend", dependencies: ["MapProtocols", "CMapShims", "CURing", deques, system],
      swiftSettings: strict),
    .target(
      name: "SlidingMap",
      dependencies: [
        "MapProtocols", "Policies", "MMapBackend", "URingBackend", "CMapShims", system,
      ],
      swiftSettings: strict),
    .target(
      name: "MapTesting", dependencies: ["MapProtocols", "Policies", "SlidingMap", system],
      swiftSettings: strict),
    .target(
      name: "MapTestSupport", dependencies: ["MapProtocols", "MapTesting", "Policies", system],
      path: "Tests/MapTestSupport", swiftSettings: strict),
    .target(name: "CTestSupport", path: "Tests/CTestSupport"),
    .testTarget(
      name: "MapProtocolsTests", dependencies: ["MapProtocols", "MapTestSupport"],
      swiftSettings: strict),
    .testTarget(
      name: "PoliciesTests", dependencies: ["Policies", "MapTesting", "MapTestSupport"],
      swiftSettings: strict),
    .testTarget(
      name: "MMapBackendTests",
      dependencies: ["MapProtocols", "MMapBackend", "MapTesting", "MapTestSupport", system],
      swiftSettings: strict),
    .testTarget(
      name: "URingBackendTests",
      dependencies: [
        "MapProtocols", "URingBackend", "CURing", "MapTesting", "MapTestSupport", system,
      ],
      swiftSettings: strict),
    .testTarget(
      name: "SlidingMapTests",
      dependencies: [
        "CTestSupport", "MapProtocols", "MMapBackend", "SlidingMap", "MapTesting", "MapTestSupport",
        system,
      ],
      swiftSettings: strict),
    .testTarget(
      name: "MapTestingTests", dependencies: ["MapTesting", "MapProtocols", "SlidingMap", system],
      swiftSettings: strict),
    .testTarget(
      name: "ScheduleTests",
      dependencies: ["MapTesting", "MapProtocols", "Policies", "SlidingMap", system],
      swiftSettings: strict),
  ]
)

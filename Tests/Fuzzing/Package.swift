// swift-tools-version: 6.2
import PackageDescription

/// The same settings as in the outermost package; see CONTRIBUTING.md.
let strict: [SwiftSetting] = [
  .swiftLanguageMode(.v6),
  .strictMemorySafety(),
  .treatAllWarnings(as: .error),
  .enableUpcomingFeature("ExistentialAny"),
  .enableUpcomingFeature("InternalImportsByDefault"),
  .enableUpcomingFeature("MemberImportVisibility"),
  .enableExperimentalFeature("Lifetimes"),
]

let slidingMap = Target.Dependency.product(name: "SlidingMap", package: "sliding-map")
let system = Target.Dependency.product(name: "SystemPackage", package: "swift-system")

// A package of its own, since its programs link only under the sanitizer "fuzzer", which brings their main: `make fuzz`. Each program is
// a C target without a main over a library in Swift, as SwiftPM renames the main of programs in Swift.
let package = Package(
  name: "sliding-map-fuzzing",
  platforms: [.macOS("26.0")],
  dependencies: [
    .package(name: "sliding-map", path: "../.."),
    .package(name: "sliding-map-benchmarks", path: "../../Benchmarks"),
    .package(url: "https://github.com/apple/swift-system", from: "1.7.0"),
  ],
  targets: [
    .target(name: "FuzzSupport", swiftSettings: strict),
    .target(
      name: "ModelFuzzing", dependencies: ["FuzzSupport", slidingMap, system],
      swiftSettings: strict),
    .target(
      name: "TraceFuzzing", dependencies: ["FuzzSupport", slidingMap, system],
      swiftSettings: strict),
    .target(
      name: "ReplayFuzzing",
      dependencies: [
        "FuzzSupport", system, .product(name: "Traces", package: "sliding-map-benchmarks"),
      ],
      swiftSettings: strict),
    .executableTarget(name: "ModelFuzzer", dependencies: ["ModelFuzzing"]),
    .executableTarget(name: "TraceFuzzer", dependencies: ["TraceFuzzing"]),
    .executableTarget(name: "ReplayFuzzer", dependencies: ["ReplayFuzzing"]),
  ]
)

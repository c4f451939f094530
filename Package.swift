// swift-tools-version: 6.1
import PackageDescription

// Imports run one way only: EngramCLI -> Engram -> EngramModels, EngramStore -> EngramIndex ->
// CEngramKernels, CBLAS; EngramModels -> CCurl.
let package = Package(
  name: "Engram",
  platforms: [.macOS(.v15)],
  products: [
    .library(name: "EngramIndex", targets: ["EngramIndex"]),
    .library(name: "EngramStore", targets: ["EngramStore"]),
    .library(name: "Engram", targets: ["Engram"]),
    .library(name: "EngramModels", targets: ["EngramModels"]),
    .library(name: "CEngramKernels", targets: ["CEngramKernels"]),
    .executable(name: "engram", targets: ["EngramCLI"]),
  ],
  dependencies: [
    .package(url: "https://github.com/groue/GRDB.swift", from: "7.10.0"),
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.0"),
    .package(url: "https://github.com/apple/swift-crypto", from: "4.5.2"),
    .package(url: "https://github.com/apple/swift-system", from: "1.8.1"),
    .package(url: "https://github.com/apple/swift-collections", from: "1.6.0"),
    .package(url: "https://github.com/apple/swift-metrics", from: "2.13.0"),
    .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
    // For tests alone.
    .package(url: "https://github.com/swhitty/FlyingFox", from: "0.27.1"),
  ],
  targets: [
    .target(name: "CEngramKernels"),
    .systemLibrary(name: "CBLAS", providers: [.apt(["libopenblas-dev", "liblapack-dev"])]),
    .target(
      name: "EngramIndex",
      dependencies: [
        "CEngramKernels",
        .target(name: "CBLAS", condition: .when(platforms: [.linux])),
      ]),
    .target(
      name: "CEngramSQLite",
      linkerSettings: [.linkedLibrary("sqlite3")]),
    .target(
      name: "EngramStore",
      dependencies: [
        "CEngramKernels", "CEngramSQLite", "EngramIndex",
        .product(name: "GRDB", package: "GRDB.swift"),
        .product(name: "Crypto", package: "swift-crypto"),
        .product(name: "HeapModule", package: "swift-collections"),
        .product(name: "CoreMetrics", package: "swift-metrics"),
        .product(name: "SystemPackage", package: "swift-system"),
      ]),
    .systemLibrary(name: "CCurl", providers: [.apt(["libcurl4-openssl-dev"])]),
    .target(
      name: "EngramModels",
      dependencies: [
        "CEngramKernels", "CCurl", .product(name: "Crypto", package: "swift-crypto"),
      ]),
    .target(
      name: "Engram",
      dependencies: [
        "EngramModels", "EngramStore",
        .product(name: "Crypto", package: "swift-crypto"),
        .product(name: "Logging", package: "swift-log"),
        .product(name: "SystemPackage", package: "swift-system"),
      ]),
    .executableTarget(
      name: "EngramCLI",
      dependencies: [
        "Engram", "EngramModels", "EngramStore",
        .product(name: "ArgumentParser", package: "swift-argument-parser"),
        .product(name: "SystemPackage", package: "swift-system"),
      ]),
    .testTarget(name: "KernelTests", dependencies: ["CEngramKernels"]),
    .testTarget(name: "EngramIndexTests", dependencies: ["EngramIndex"]),
    .testTarget(
      name: "EngramStoreTests",
      dependencies: [
        "EngramStore", "EngramIndex", "StoreChild", "StoreClients", "CSanitizers",
        .product(name: "GRDB", package: "GRDB.swift"),
        .product(name: "CoreMetrics", package: "swift-metrics"),
      ]),
    .testTarget(
      name: "EngramModelsTests",
      dependencies: ["EngramModels", "ModelService", "CSanitizers"], exclude: ["Reference"]),
    .testTarget(
      name: "EngramTests",
      dependencies: [
        "Engram", "EngramModels", "EngramStore", "ModelService",
        .product(name: "FlyingFox", package: "FlyingFox"),
        .product(name: "Logging", package: "swift-log"),
      ], exclude: ["Golden"]),
    .testTarget(
      name: "EngramCLITests",
      dependencies: ["EngramCLI", "EngramModels", "EngramStore", "ModelService"]),
    // A model service on loopback. A target of its own: FlyingFox's names are ours, too.
    .target(
      name: "ModelService",
      dependencies: [
        .product(name: "FlyingFox", package: "FlyingFox"),
        .product(name: "FlyingSocks", package: "FlyingFox"),
      ], path: "Tests/ModelService"),
    // The process that the store's tests kill, and whose calls on files they record and let fail.
    .executableTarget(
      name: "StoreChild",
      dependencies: [
        "EngramStore", "StoreClients", "CSanitizers",
        .target(name: "CStoreFaults", condition: .when(platforms: [.linux])),
      ], path: "Tests/StoreChild"),
    // Calls on a store whose order is checked afterwards.
    .target(name: "StoreClients", dependencies: ["EngramStore"], path: "Tests/StoreClients"),
    // Empty but for scripts/sanitize.
    .target(name: "CSanitizers", path: "Tests/CSanitizers"),
    .target(
      name: "CStoreFaults", dependencies: ["CEngramSQLite"], path: "Tests/CStoreFaults"),
  ],
  swiftLanguageModes: [.v6]
)

import Foundation
import Testing

@testable import EngramStore

/// Every tenant has a directory of its own, whatever its name, and whatever the file system takes for the
/// same.
@Suite struct TenantNameTests {
  /// Pieces of names that file systems, shells and people have confused.
  private static let pieces: [String] = [
    "a", "A", "z", "Z", "0", "9", "-", "_", ".", "..", "/", "\\", "\0", "%", "%2e", "%2E", "%41", " ", "~",
    ":", "\n", "\u{7F}", "con", "NUL", ".removed", "engram.sqlite", "anna@example.org",
    "\u{E9}", "e\u{301}", "\u{C9}", "E\u{301}", "ß", "SS", "ſ", "İ", "i\u{307}", "ı", "K", "\u{212A}",
    "Å", "\u{212B}", "\u{FB01}", "fi", "Σ", "ς", "σ", "漢", "가", "\u{1100}\u{1161}",
    "\u{1F469}\u{200D}\u{1F467}", "\u{200D}", "\u{FEFF}", "\u{202E}", "\u{10FFFF}",
  ]

  private func name(_ generator: inout Generator) -> String {
    (0..<Int.random(in: 1...4, using: &generator))
      .map { _ in
        generator.oneIn(4)
          ? String(Character(Unicode.Scalar(UInt32.random(in: 0...0xD7FF, using: &generator)) ?? "x"))
          : Self.pieces[Int.random(in: 0..<Self.pieces.count, using: &generator)]
      }.joined()
  }

  @Test func namesAreApartAndComeBack() throws {
    var generator = Generator(seed: 101)
    let plain = Set("abcdefghijklmnopqrstuvwxyz0123456789-_%".utf8)
    var tenants: [String: [UInt8]] = [:]
    for number in 0..<20_000 {
      let tenant = number < Self.pieces.count ? Self.pieces[number] : name(&generator)
      guard tenant.utf8.count <= 85 else { continue }
      let encoded = try TenantName(tenant).directory
      #expect(Set(encoded.utf8).isSubset(of: plain) && encoded.utf8.count <= 255)
      let decoded = try #require(TenantName(directory: encoded)).tenant
      #expect(decoded.utf8.elementsEqual(tenant.utf8))
      // As a file system would that ignores case and normalises.
      let seen = encoded.lowercased().decomposedStringWithCompatibilityMapping
      let earlier = tenants.updateValue(Array(tenant.utf8), forKey: seen)
      #expect(earlier == nil || earlier == Array(tenant.utf8), "\(encoded)")
    }
    #expect(tenants.count > 10_000)
  }

  @Test func lengths() async throws {
    for longest in [
      String(repeating: "a", count: 255), String(repeating: "A", count: 85),
      String(repeating: "漢", count: 28) + "A",
    ] {
      #expect(try TenantName(longest).directory.utf8.count == 255)
      #expect(await refusal { _ = try TenantName(longest + "b") } == "invalid tenant")
    }
    #expect(await refusal { _ = try TenantName("") } == "invalid tenant")
    #expect(
      await refusal { _ = try TenantName(String(repeating: "x", count: 1 << 24)) } == "invalid tenant")
  }

  /// A directory that no name leads to is no tenant's.
  @Test(arguments: [
    "", ".", "..", "A", "a.b", "%", "%4", "%4g", "%61", "%2D", "%2E", "%ff", "%c3", "é", "x.removed", "a b",
  ])
  func directoriesOfOthers(directory: String) {
    #expect(TenantName(directory: directory) == nil)
  }
}

import CEngramKernels
import Testing

#if canImport(Darwin)
  import Darwin
#elseif canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// Run also with ENGRAM_KERNELS=portable and with ENGRAM_KERNELS=nonsense.
@Suite struct DispatchTests {
  let names = variants.map { String(cString: $0.name) }

  @Test func portableIsFirstAndNamesAreUnique() {
    #expect(names.first == "portable")
    #expect(Set(names).count == engram_kernels_count())
  }

  @Test func everyVariantIsFoundByItsName() {
    for (index, name) in names.enumerated() {
      #expect(engram_kernels_named(name) == engram_kernels_at(index))
    }
  }

  @Test func unknownIsNull() {
    #expect(engram_kernels_named("nonsense") == nil)
    #expect(engram_kernels_named("") == nil)
    #expect(engram_kernels_at(engram_kernels_count()) == nil)
    #expect(engram_kernels_at(.max) == nil)
  }

  @Test func theEnvironmentDecidesElseTheFastest() {
    let wanted = getenv("ENGRAM_KERNELS").map { String(cString: $0) } ?? ""
    let active = String(cString: engram_kernels_active().pointee.name)
    #expect(active == (names.contains(wanted) ? wanted : names.last))
    let refused = !wanted.isEmpty && !names.contains(wanted)
    #expect(engram_kernels_override_refused() == (refused ? 1 : 0))
  }

  @Test func concurrentFirstCallsAgree() async {
    let agreed = await withTaskGroup(of: Bool.self) { group in
      for _ in 0..<64 {
        group.addTask { engram_kernels_active() == engram_kernels_active() }
      }
      return await group.allSatisfy { $0 }
    }
    #expect(agreed)
  }
}

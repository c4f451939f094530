import Testing

@testable import BenchmarkSupport

@Suite struct RowSelectionTests {
  private static let data = GeneratedDataset(rows: 2_000, queries: 20).make()

  @Test func drawsTheShare() {
    for percent in [50.0, 10, 1] {
      let selection = RowSelection.random(percent: percent, of: 20_000)
      let rows = selection.rows(of: 3)
      let expected = percent * 200
      #expect(abs(Double(rows.count) - expected) < 5 * expected.squareRoot())
      #expect(rows == selection.rows(of: 3) && rows != selection.rows(of: 4))
      #expect(rows == rows.sorted() && Set(rows).count == rows.count)
    }
    #expect(RowSelection.random(percent: 0.1, of: 1).name == "random 0.1 %")
    #expect(RowSelection.random(percent: 50, of: 1).name == "random 50 %")
  }

  @Test func matchesTheQuerysValue() {
    let selection = RowSelection.equal("own", rows: ["a", "b", "a"], queries: ["a", "c", "b"])
    #expect(selection.name == "own")
    #expect((0..<3).map(selection.rows) == [[0, 2], [], [1]])
  }

  @Test func takesWholeUsersInOrder() {
    let data = Self.data
    let users = UserMeans(of: data)
    #expect(users.rows.flatMap { $0 }.sorted() == Array(0..<data.count))
    for percent in [50.0, 10] {
      let selection = RowSelection.nearestUsers(percent: percent, users: users, of: data)
      for query in 0..<data.queries.count {
        let rows = selection.rows(of: query)
        let order = users.nearest(to: data.queryVector(query)).map { users.rows[$0] }
        let expected = order.indices.lazy.map { order[...$0].flatMap { $0 } }
          .first { Double($0.count) >= percent * Double(data.count) / 100 }
        #expect(rows == expected)
      }
    }
  }

  @Test func ordersUsersByTheMean() {
    var data = Self.data
    data.dimension = 2
    data.vectors = [1, 0, 0, 1, 0.5, 0]
    data.records = DialogRecords()
    for (row, user) in ["x", "y", "x"].enumerated() {
      data.records.append(
        DialogRecord(
          id: Self.data.records.ids[row], text: "", userID: user, agentID: "", runID: "", role: "",
          createdAt: 0, metadata: "{}"))
    }
    let users = UserMeans(of: data)
    #expect(users.rows == [[0, 2], [1]])
    #expect(users.nearest(to: [1, 0]) == [0, 1] && users.nearest(to: [0.1, 1]) == [1, 0])
    // Ties go to the user who came first.
    #expect(users.nearest(to: [0, 0]) == [0, 1])
  }
}

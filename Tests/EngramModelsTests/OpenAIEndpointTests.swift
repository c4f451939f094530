import Foundation
import ModelService
import Testing

@testable import EngramModels

@Suite struct OpenAIEndpointTests {
  private func url(_ endpoint: OpenAIEndpoint, _ path: String = "/embeddings") throws -> String {
    try endpoint.post(path, model: "m 1", body: []).url
  }

  @Test(
    arguments: [
      ("https://api.openai.com/v1", "https://api.openai.com/v1/embeddings"),
      ("https://api.openai.com/v1/", "https://api.openai.com/v1/embeddings"),
      ("https://api.openai.com", "https://api.openai.com/v1/embeddings"),
      (" https://api.openai.com// \n", "https://api.openai.com/v1/embeddings"),
      ("http://localhost:11434", "http://localhost:11434/v1/embeddings"),
      ("http://[::1]:1234/v1/", "http://[::1]:1234/v1/embeddings"),
      ("https://a.example/openai/v1/", "https://a.example/openai/v1/embeddings"),
      ("https://a.example/v1beta/openai", "https://a.example/v1beta/openai/embeddings"),
      ("https://a.example/v1?key=a%20b&x=1", "https://a.example/v1/embeddings?key=a%20b&x=1"),
      ("HTTPS://a.example/v1#part", "HTTPS://a.example/v1/embeddings"),
    ] as [(String, String)])
  func addresses(baseURL: String, expected: String) throws {
    #expect(try url(OpenAIEndpoint(baseURL: baseURL)) == expected)
  }

  @Test(arguments: [
    "", "localhost:8080", "api.openai.com/v1", "ftp://a.example", "http://", "http:///v1", "://",
    "https://user:pass@a.example/v1", "http://a b", "\0",
  ])
  func whatIsNoAddressIsRefused(baseURL: String) {
    #expect { try OpenAIEndpoint(baseURL: baseURL) } throws: { error in
      guard case .invalid(field: "baseURL", _) = error as? ModelError else { return false }
      return !"\(error)".contains("pass")
    }
  }

  @Test(arguments: ["https://name.openai.azure.com", "https://name.openai.azure.com/openai/"])
  func azure(resource: String) throws {
    let endpoint = try OpenAIEndpoint.azure(
      resource, apiKey: APIKey(secret), apiVersion: "2024-10-21")
    #expect(
      try url(endpoint, "/chat/completions")
        == "https://name.openai.azure.com/openai/deployments/m%201/chat/completions"
        + "?api-version=2024-10-21")
    let headers = try endpoint.post("/embeddings", model: "m", body: []).headers
    #expect(headers.map(\.name) == ["api-key"])
    #expect(headers.map(\.value) == [secret])
  }

  @Test func theEnvironmentOfOpenAI() throws {
    let endpoint = try OpenAIEndpoint(environment: [
      "OPENAI_API_KEY": secret + "\n", "OPENAI_ORG_ID": "org", "OPENAI_PROJECT_ID": "project",
      "SSL_CERT_FILE": "/a.pem", "OPENAI_BASE_URL": "",
    ])
    #expect(endpoint.baseURL == "https://api.openai.com/v1")
    let post = try endpoint.post("/embeddings", model: "m", body: [])
    #expect(post.certificateFile == "/a.pem")
    #expect(
      Dictionary(uniqueKeysWithValues: post.headers.map { ($0.name, $0.value) }) == [
        "Authorization": "Bearer " + secret, "OpenAI-Organization": "org",
        "OpenAI-Project": "project",
      ])
  }

  @Test func theEnvironmentOfOthers() throws {
    let local = try OpenAIEndpoint(environment: ["OPENAI_BASE_URL": "http://localhost:8000/v1"])
    #expect(local.apiKey == nil)
    #expect(try local.post("/embeddings", model: "m", body: []).headers.isEmpty)

    let settings = [
      "AZURE_OPENAI_ENDPOINT": "https://name.openai.azure.com", "AZURE_OPENAI_API_KEY": secret,
      "OPENAI_API_VERSION": "2024-10-21",
    ]
    let azure = try OpenAIEndpoint(environment: settings)
    #expect(
      try azure == .azure(
        "https://name.openai.azure.com", apiKey: APIKey(secret), apiVersion: "2024-10-21"))
    for name in ["AZURE_OPENAI_API_KEY", "OPENAI_API_VERSION"] {
      #expect { try OpenAIEndpoint(environment: settings.filter { $0.key != name }) } throws: {
        guard case .invalid(field: name, _) = $0 as? ModelError else { return false }
        return true
      }
    }
    #expect { try OpenAIEndpoint(environment: [:]) } throws: {
      guard case .invalid(field: "OPENAI_API_KEY", _) = $0 as? ModelError else { return false }
      return true
    }
  }

  @Test func keysAreNotShown() throws {
    var endpoint = try endpoint("http://localhost:1/v1?token=\(secretQuery)")
    endpoint.headers = ["X-Gateway": secretHeader]
    let service = service(endpoint, UsageLedger())
    let post = try endpoint.post("/embeddings", model: "m", body: [])
    let values: [Any] = [
      endpoint, service, post, try OpenAIEmbedder(service, model: "m", dimension: 1),
      try OpenAIChat(service, model: "m"), APIKey(secret), [APIKey(secret)], endpoint.apiKey as Any,
    ]
    for value in values {
      var dumped = ""
      dump(value, to: &dumped)
      for text in [dumped, "\(value)", String(reflecting: value)] {
        #expect(!isSecretIn(text), "\(text)")
      }
    }
    #expect("\(APIKey(secret))" == "***")
  }

  private let secretQuery = "query-secret-1"
  private let secretHeader = "header-secret-1"

  private func isSecretIn(_ text: String) -> Bool {
    [secret, secretQuery, secretHeader].contains { text.contains($0) }
  }

  @Test func keysAreScrubbedFromErrors() async throws {
    let echoes = [
      "\(secret)", "Bearer \(secret)\(secret)", "Incorrect key: \(secret).",
      "key=sk-0123456789abcdefSECRET%2F%2B%3D", "sk%2d0123456789abcdefSECRET%2f%2b%3d",
      #"sk-0123456789abcdefSECRET\/+="#, secretQuery, "x\(secretHeader)x",
      // Where an error is cut, no half of a key is left.
      String(repeating: "x", count: 490) + secret,
      String(repeating: "\(secret) ", count: 3_000),
    ]
    for echo in echoes {
      for answer in [
        TestServer.Answer.error(400, echo), .error(401, echo), .error(429, echo),
        .error(500, echo, code: secret), .init(status: 404, body: echo),
        .init(status: 502, body: "<html>\(echo)"), .init(body: echo),
        .init(status: 307, headers: ["Location": "http://\(secret)/"], body: echo),
        .init(
          body: #"{"choices":[{"message":{"content":null,"refusal":"\#(echo)"}}],"\#(echo)":1}"#),
      ] {
        try await TestServer.run([answer]) { server in
          var endpoint = try endpoint(server.baseURL + "?token=\(secretQuery)")
          endpoint.headers = ["X-Gateway": secretHeader]
          endpoint.retries.retriesMax = 0
          let ledger = UsageLedger()
          let service = service(endpoint, ledger)
          let chat = try OpenAIChat(service, model: "m")
          let embedder = try OpenAIEmbedder(service, model: "m", dimension: 1)
          let failures = [
            await modelError { try await chat.reply(to: .init(messages: [.init(.user, "hi")])) },
            await modelError { try await embedder.embed(["a"]) },
          ]
          for failure in failures {
            let error = try #require(failure)
            var text = "\(error) \(String(reflecting: error)) \(ledger.records)"
            dump(error, to: &text)
            #expect(!isSecretIn(text) && !text.contains("sk-0123"), "\(text)")
          }
        }
      }
    }
  }

  @Test func aKeyWithControlCharactersIsRefused() async throws {
    var endpoint = try OpenAIEndpoint(baseURL: "http://127.0.0.1:1")
    endpoint.apiKey = APIKey("sk-one\r\nX-Other: two")
    let embedder = try OpenAIEmbedder(service(endpoint), model: "m", dimension: 1)
    let error = await modelError { try await embedder.embed(["a"]) }
    #expect(
      error
        == .invalid(
          field: "Authorization", reason: "a header or key holds a control character; remove it"))
  }
}

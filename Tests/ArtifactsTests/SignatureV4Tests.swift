import Files
import Foundation
import SystemPackage
import Testing

@testable import Artifacts

struct SignatureVector: Decodable, Sendable, CustomTestStringConvertible {
    var name: String
    var key: String?
    var method: String
    var host: String
    var path: String
    var query: [[String]]
    var headers: [[String]]
    var payload: String
    var accessKeyID: String
    var secretAccessKey: String
    var sessionToken: String?
    var service: String
    var authorization: String
    var date: String

    var testDescription: String { name }

    struct File: Decodable {
        var region: String
        var secondsSinceEpoch: Int64
        var vectors: [SignatureVector]
    }

    static let file: File = {
        let path = FilePath(#filePath).removingLastComponent().appending("Vectors/signature-v4.json")
        guard let bytes = try? readFile(path, limit: 1 << 20),
            let file = try? JSONDecoder().decode(File.self, from: Data(bytes))
        else { return File(region: "", secondsSinceEpoch: 0, vectors: []) }
        return file
    }()
}

@Suite struct `signing requests` {
    @Test func `the vectors are there`() {
        #expect(SignatureVector.file.vectors.count >= 24)
    }

    /// The example of Amazon's manual ("Authenticating Requests: Using Query Parameters").
    @Test func `an address is signed as Amazon's example says`() {
        let signer = SignatureV4(
            credentials: AWSCredentials(
                accessKeyID: "AKIAIOSFODNN7EXAMPLE", secretAccessKey: "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"),
            region: "us-east-1", service: "s3")
        let query = signer.presignedQuery(
            for: .init(method: "GET", host: "examplebucket.s3.amazonaws.com", path: "/test.txt"),
            at: UTCTime(secondsSinceEpoch: 1_369_353_600), seconds: 86_400)
        #expect(
            SignatureV4.canonicalQuery(query)
                == "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20130524%2Fus-east-1%2Fs3%2Faws4_request"
                + "&X-Amz-Date=20130524T000000Z&X-Amz-Expires=86400"
                + "&X-Amz-Signature=aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404&X-Amz-SignedHeaders=host"
        )
    }

    @Test(arguments: SignatureVector.file.vectors)
    func `a request is signed as botocore signs it`(vector: SignatureVector) throws {
        let file = SignatureVector.file
        let signer = SignatureV4(
            credentials: AWSCredentials(
                accessKeyID: vector.accessKeyID, secretAccessKey: vector.secretAccessKey,
                sessionToken: vector.sessionToken), region: file.region, service: vector.service)
        let payload: SignatureV4.Payload =
            vector.payload == "UNSIGNED-PAYLOAD" ? .unsigned : .digest(vector.payload)
        let request = SignatureV4.Request(
            method: vector.method, host: vector.host, path: vector.path,
            query: vector.query.map { ($0[0], $0[1]) }, headers: vector.headers.map { ($0[0], $0[1]) }, payload: payload
        )
        let headers = signer.headers(for: request, at: UTCTime(secondsSinceEpoch: file.secondsSinceEpoch))
        #expect(headers.first { $0.name == "Authorization" }?.value == vector.authorization)
        #expect(headers.first { $0.name == "X-Amz-Date" }?.value == vector.date)
        #expect(headers.first { $0.name == "X-Amz-Security-Token" }?.value == vector.sessionToken)
        if let key = vector.key { #expect("/" + percentEncoded(key, alsoKept: "/") == vector.path) }
    }

    @Test func `secrets are in no description`() {
        let credentials = AWSCredentials(accessKeyID: "AKIDEXAMPLE", secretAccessKey: "SECRET", sessionToken: "TOKEN")
        for text in ["\(credentials)", String(reflecting: credentials)] {
            #expect(!text.contains("SECRET") && !text.contains("TOKEN") && !text.contains("AKIDEXAMPLE"))
        }
        let web = HTTPCredentials.basic(user: "u", password: "SECRET")
        #expect(!"\(web) \(String(reflecting: web))".contains("SECRET"))
    }
}

@Suite struct `moments` {
    @Test(arguments: [
        (Int64(0), "19700101T000000Z"), (951_827_696, "20000229T123456Z"), (1_795_250_347, "20261121T083907Z"),
        (4_107_542_400, "21000301T000000Z"), (-1, "19691231T235959Z"),
    ])
    func `seconds become a timestamp`(seconds: Int64, text: String) {
        #expect(UTCTime(secondsSinceEpoch: seconds).amazonTimestamp == text)
    }

    @Test(arguments: ["2026-11-21T08:39:07Z", "2026-11-21T08:39:07.123456Z", "2026-11-21T08:39:07+00:00"])
    func `an expiry is read`(text: String) {
        #expect(UTCTime(iso8601: text)?.secondsSinceEpoch == 1_795_250_347)
    }

    @Test(arguments: [
        "", "2026-11-21", "2026-13-21T08:39:07Z", "2026-11-21T08:39:07+02:00", "2026-11-21 08:39:07Z",
        "２０２６-11-21T08:39:07Z", "2026-11-21T08:39:07.Zx",
    ])
    func `anything else is refused`(text: String) {
        #expect(UTCTime(iso8601: text) == nil)
    }
}

import HTTPTypes
import JSON
import Testing
import Tracking

@testable import Server

@Suite("request messages")
struct RequestMessageTests {
    private func message(_ text: String) throws -> RequestMessage {
        guard case .object(let object)? = try JSONReader.read(Array(text.utf8).span) else {
            throw APIError.endpointNotFound
        }
        return RequestMessage(object)
    }

    private func query(_ text: String) throws -> RequestMessage {
        RequestMessage(try Query.fields(text), isQuery: true)
    }

    @Test func `both spellings of a name are read, null is absent, unknown fields are ignored`() throws {
        let message = try message(#"{"run_id":"r","experimentId":"7","note":null,"zz":{}}"#)
        #expect(try message.string("run_id") == "r")
        #expect(try message.string("experiment_id") == "7")
        #expect(try message.string("note") == nil)
        #expect(try message.string("missing") == nil)
    }

    @Test func `A-31 one field in two spellings is refused by name`() throws {
        let message = try message(#"{"run_id":"a","runId":"a"}"#)
        let error = #expect(throws: APIError.self) { try message.string("run_id") }
        #expect(error?.message == "Request specifies both 'run_id' and 'runId'; provide only one of them.")
    }

    @Test func `missing and empty required text is named`() throws {
        for text in ["{}", #"{"key":""}"#, #"{"key":null}"#] {
            let message = try message(text)
            let error = #expect(throws: APIError.self) { try message.requiredString("key") }
            #expect(
                error?.message
                    == "Missing value for required parameter 'key'. See the API docs for more information about request parameters."
            )
        }
    }

    @Test(arguments: [
        (#"{"f":1}"#, "int", "1"), (#"{"f":1.5}"#, "float", "1.5"), (#"{"f":[]}"#, "list", "[]"),
        (#"{"f":{"a":1}}"#, "dict", #"{"a":1}"#), (#"{"f":true}"#, "bool", "true"),
    ])
    func `A-31 a wrong type is named with its value`(text: String, type: String, shown: String) throws {
        let message = try message(text)
        let error = #expect(throws: APIError.self) { try message.string("f") }
        #expect(error?.status == .badRequest)
        #expect(error?.message.hasPrefix("Invalid value \(shown) for parameter 'f' supplied:") == true)
        #expect(error?.message.contains("Hint: Value was of type '\(type)'.") == true)
    }

    @Test(arguments: [("5", 5), ("5.0", 5), ("\"-5\"", -5), ("\"9223372036854775807\"", Int64.max), ("-0", 0)])
    func `integers come as numbers and as text`(text: String, expected: Int64) throws {
        #expect(try message("{\"n\":\(text)}").integer("n") == expected)
    }

    @Test(arguments: ["9223372036854775808", "1e30", "1.5", "\"x\"", "\"+5\"", "\"\"", "true", "[]", "NaN", "\"1.0\""])
    func `A-31 what is no 64-bit integer is refused`(text: String) throws {
        let message = try message("{\"n\":\(text)}")
        #expect(throws: APIError.self) { try message.integer("n") }
    }

    @Test func `doubles come as numbers, text and words`() throws {
        let message = try message(#"{"a":1,"b":"0.5","c":"NaN","d":"-Infinity","e":"1e3"}"#)
        #expect(try message.double("a") == 1)
        #expect(try message.double("b") == 0.5)
        #expect(try message.double("c")?.isNaN == true)
        #expect(try message.double("d") == -.infinity)
        #expect(try message.double("e") == 1000)
        for text in ["\"nan\"", "\"0x1p3\"", "\"abc\"", "true", "\"\""] {
            let wrong = try self.message("{\"a\":\(text)}")
            #expect(throws: APIError.self) { try wrong.double("a") }
        }
    }

    @Test func `enumerations come by name and number, unknown ones as none`() throws {
        #expect(try message(#"{"v":"ALL"}"#).viewType("v") == .all)
        #expect(try message(#"{"v":2}"#).viewType("v") == .deletedOnly)
        #expect(try message(#"{"v":"3"}"#).viewType("v") == .all)
        #expect(try message(#"{"v":"NOBODY"}"#).viewType("v") == .activeOnly)
        #expect(try message("{}").viewType("v") == .activeOnly)
    }

    @Test func `elements of lists are named by their place`() throws {
        let message = try message(#"{"metrics":[{"key":"a","value":1,"timestamp":1},{"value":1,"timestamp":1}]}"#)
        let error = #expect(throws: APIError.self) { try message.messages("metrics").map { try $0.metric() } }
        #expect(error?.message.contains("'metrics[1].key'") == true)
    }

    @Test func `queries hold text, repeated names are lists`() throws {
        let query = try query("ids=1&ids=2&one=x&name=a%20b+c%2Bd&flag=TRUE&max_results=7&empty=")
        #expect(try query.strings("ids") == ["1", "2"])
        #expect(try query.strings("one") == ["x"])
        #expect(try query.string("name") == "a b c+d")
        #expect(try query.bool("flag") == true)
        #expect(try query.integer("max_results") == 7)
        #expect(try query.string("empty") == "")
        #expect(throws: APIError.self) { try query.string("ids") }
        #expect(throws: APIError.self) { try self.query("b=yes").bool("b") }
        #expect(throws: APIError.self) { try self.query("b=%zz") }
        #expect(throws: APIError.self) { try self.query("b=%ff") }
    }
}

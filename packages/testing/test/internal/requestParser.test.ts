import { assert, describe, it } from "@effect/vitest"
import { FastCheck as fc } from "effect"
import { RequestParser } from "../../src/internal/requestParser.js"

/** What a parser makes of bytes that arrive in these pieces, with every request answered at once. */
const parse = (pieces: ReadonlyArray<Buffer>): ReadonlyArray<string> => {
  const seen: Array<string> = []
  let body = ""
  const parser = new RequestParser({
    onHead: (head) => {
      seen.push(`${head.method} ${head.path} ${JSON.stringify(head.headers)} ${head.keepAlive}`)
      body = ""
    },
    onBody: (bytes) => body += Buffer.from(bytes).toString("latin1"),
    onEnd: () => {
      seen.push(`end ${body}`)
      parser.next()
    },
    onInvalid: (reason) => seen.push(`invalid: ${reason}`)
  })
  for (const piece of pieces) parser.write(piece)
  return seen
}

const parseText = (text: string) => parse([Buffer.from(text, "latin1")])

const requests = [
  "GET /a?b=c HTTP/1.1\r\nHost: x\r\nX-Two: 1\r\nx-two: 2\r\n\r\n",
  "POST /l HTTP/1.1\r\ncontent-length: 5\r\n\r\nhello",
  "POST /c HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3;x=y\r\nabc\r\n0A\r\n0123456789\r\n0\r\ntrailer: t\r\n\r\n",
  "PUT /e HTTP/1.1\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
]

describe("RequestParser", () => {
  it("reads heads, bodies by length and bodies by chunks", () => {
    assert.deepStrictEqual(parseText(requests.join("")), [
      `GET /a?b=c {"host":"x","x-two":"1, 2"} true`,
      "end ",
      `POST /l {"content-length":"5"} true`,
      "end hello",
      `POST /c {"transfer-encoding":"chunked"} true`,
      "end abc0123456789",
      `PUT /e {"content-length":"0","connection":"close"} false`,
      "end "
    ])
  })

  it("reads the same however the bytes are cut", () => {
    const bytes = Buffer.from(requests.join(""), "latin1")
    const whole = parse([bytes])
    fc.assert(fc.property(fc.uniqueArray(fc.nat(bytes.length), { maxLength: 60, size: "max" }), (cuts) => {
      const at = [0, ...cuts.sort((a, b) => a - b), bytes.length]
      assert.deepStrictEqual(parse(at.slice(1).map((end, i) => bytes.subarray(at[i], end))), whole)
    }))
  })

  it("waits between two requests until it is told to go on", () => {
    let heads = 0
    const parser = new RequestParser({ onHead: () => heads++, onBody: () => {}, onEnd: () => {}, onInvalid: () => {} })
    parser.write(Buffer.from(requests.join("")))
    assert.strictEqual(heads, 1)
    parser.next()
    assert.strictEqual(heads, 2)
  })

  it("refuses what is not HTTP/1.1, and reads no further", () => {
    const invalid = (text: string, reason: string) =>
      assert.deepStrictEqual(parseText(text).slice(-1), [`invalid: ${reason}`])
    invalid("hello\r\n\r\nGET / HTTP/1.1\r\n\r\n", "a malformed request line")
    invalid("GET / HTTP/2.0\r\n\r\n", "a malformed request line")
    invalid("GET / HTTP/1.1\r\nno colon\r\n\r\n", "a malformed header line")
    invalid("GET / HTTP/1.1\r\ncontent-length: -1\r\n\r\n", "a content-length that is not a number")
    invalid("GET / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\nxyz\r\n", "a chunk size that is not hexadecimal")
    invalid("GET / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n1\r\nabc\r\n", "a chunk longer than its size")
    invalid(`GET / HTTP/1.1\r\nx: ${"x".repeat(70_000)}`, "headers too large")
  })
})

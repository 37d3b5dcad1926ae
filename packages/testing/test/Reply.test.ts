import { assert, describe, it } from "@effect/vitest"
import { pipe } from "effect"
import * as InvalidOption from "reprise/InvalidOption"
import * as Reply from "../src/Reply.js"

const invalid = (option: string, make: () => unknown) => {
  try {
    make()
  } catch (error) {
    assert.instanceOf(error, InvalidOption.InvalidOption)
    assert.strictEqual(error.option, option)
    return
  }
  assert.fail(`${option} was accepted`)
}

describe("Reply", () => {
  it("is 200 without a body by default", () => {
    const reply = Reply.respond()
    assert.strictEqual(reply.status, 200)
    assert.strictEqual(reply.body.length, 0)
  })

  it("lets a JSON reply change its content type", () => {
    const reply = Reply.json({ a: 1 }, { status: 400, headers: { "content-type": "application/problem+json" } })
    assert.deepStrictEqual(reply.headers, { "content-type": "application/problem+json" })
    assert.strictEqual(new TextDecoder().decode(reply.body), `{"a":1}`)
  })

  it("composes data-first and data-last", () => {
    const reply = Reply.respond({ body: "four" })
    assert.deepStrictEqual(pipe(reply, Reply.delay("1 second")), Reply.delay(reply, "1 second"))
    assert.deepStrictEqual(reply.pipe(Reply.truncate({ bytes: 1 })), Reply.truncate(reply, { bytes: 1 }))
    assert.deepStrictEqual(reply.pipe(Reply.truncate()), Reply.truncate(reply))
    assert.deepStrictEqual(reply.pipe(Reply.framing("chunked")), Reply.framing(reply, "chunked"))
    const pieces = { pieces: 2, gap: "1 millis" } as const
    assert.deepStrictEqual(reply.pipe(Reply.dribble(pieces)), Reply.dribble(reply, pieces))
  })

  it("adds delays up, on every kind of reply", () => {
    for (const reply of [Reply.ok, Reply.reset(), Reply.raw("x")]) {
      assert.strictEqual(reply.pipe(Reply.delay("1 second"), Reply.delay("2 seconds")).delayMillis, 3000)
    }
  })

  it("cuts a body in the middle by default, and never changes the reply it is given", () => {
    const reply = Reply.respond({ body: "four" })
    assert.deepStrictEqual(Reply.truncate(reply).cut, { at: "responseBody", by: "fin", bytes: 2 })
    assert.deepStrictEqual(Reply.hangBody(reply).cut, { at: "responseBody", by: "hang", bytes: 2 })
    assert.isUndefined(reply.cut)
  })

  it("knows a reply from another value", () => {
    assert.isTrue(Reply.isReply(Reply.hang()))
    assert.isFalse(Reply.isReply({ _tag: "Respond" }))
    assert.isFalse(Reply.isReply(undefined))
  })

  it("rejects options that make no sense, by name", () => {
    invalid("status", () => Reply.respond({ status: 99 }))
    invalid("status", () => Reply.respond({ status: 1000 }))
    invalid("bytes", () => Reply.truncate(Reply.respond({ body: "four" }), { bytes: 4 }))
    invalid("bytes", () => Reply.truncate(Reply.respond()))
    invalid("pieces", () => Reply.dribble(Reply.ok, { pieces: 0, gap: "1 millis" }))
    invalid("gap", () => Reply.dribble(Reply.ok, { pieces: 2, gap: -1 }))
    invalid("delay", () => Reply.delay(Reply.ok, -1))
  })
})

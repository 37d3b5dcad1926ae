import { HttpClient, HttpClientRequest } from "@effect/platform"
import { assert, describe } from "@effect/vitest"
import { Effect, Layer, Schema } from "effect"
import * as Backoff from "reprise/Backoff"
import * as DurableHttp from "../src/DurableHttp.js"
import * as Engine from "./support/engine.js"
import * as Server from "./support/server.js"
import { itIsVirtual, runAll } from "./support/time.js"

/** Makes one call, twice: from the response, and from its record. */
const callTwice = <A = string, I = unknown>(
  reply: (number: number) => Server.Reply,
  options: Partial<DurableHttp.Options<A, I>> = {}
) => {
  const call = DurableHttp.workflow({
    ...options,
    name: "Call",
    payload: { id: Schema.String },
    id: ({ id }) => id,
    request: HttpClientRequest.get("http://api.example.com/"),
    retry: Backoff.linear("1 second").pipe(Backoff.attempts(3)),
    headers: undefined
  })
  const { client } = Server.make(reply)
  const both = Effect.zip(call.await({ id: "1" }), call.await({ id: "1" }))
  return runAll(Effect.map(both, ([one, two]) => [one.body, two.body])).pipe(
    Effect.provide(call.layer.pipe(Layer.provideMerge(Engine.layer(Engine.makeStore())))),
    Effect.provideService(HttpClient.HttpClient, client)
  )
}

const read = <A, I>(schema: Schema.Schema<A, I>, body: string) => callTwice(() => new Response(body), { read: schema })

describe("the body of a durable call", () => {
  itIsVirtual("can be empty", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(yield* read(Schema.Void, ""), [undefined, undefined])
      assert.deepStrictEqual(yield* read(Schema.Undefined, ""), [undefined, undefined])
      assert.deepStrictEqual(yield* read(Schema.UndefinedOr(Schema.Number), ""), [undefined, undefined])
    }))
  itIsVirtual("can be null", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(yield* read(Schema.NullOr(Schema.Number), "null"), [null, null])
    }))
  itIsVirtual("can be unknown JSON", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(yield* read(Schema.Unknown, `{"a":[1,null]}`), [{ a: [1, null] }, { a: [1, null] }])
    }))
  itIsVirtual("can be missing", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(yield* callTwice(() => new Response(null, { status: 204 })), ["", ""])
    }))
  itIsVirtual("has at most as many characters as the limit", () =>
    Effect.gen(function*() {
      const text = "é".repeat(1_000)
      // In bytes, or in those of an encoding.
      const lengths = [{}, { "content-length": "2000" }, { "content-length": "20", "content-encoding": "gzip" }]
      for (const headers of lengths) {
        const reply = () => new Response(text, { headers })
        assert.deepStrictEqual(yield* callTwice(reply, { maxBodyLength: 1_000 }), [text, text])
        const error = yield* Effect.flip(callTwice(reply, { maxBodyLength: 999 }))
        assert.deepInclude(error, { reason: "notRetryable", sent: "maybe" })
        assert.deepInclude(error.failure, { tag: "DecodeFailure", code: "BodyTooLong" })
        assert.include(error.message, "could not be decoded (BodyTooLong)")
      }
    }))
  itIsVirtual("ends, with its connection, where it has more characters than the limit", () =>
    Effect.gen(function*() {
      let isCancelled = false
      const endless = new ReadableStream<Uint8Array>({
        pull: (controller) => controller.enqueue(new Uint8Array(65_536).fill(97)),
        cancel: () => void (isCancelled = true)
      })
      const error = yield* Effect.flip(callTwice(() => new Response(endless)))
      assert.strictEqual(error.failure?.tag, "DecodeFailure")
      assert.isTrue(isCancelled)
    }))
  itIsVirtual("is a failed attempt where it breaks off", () =>
    Effect.gen(function*() {
      const broken = (parts: ReadonlyArray<string>) =>
        new ReadableStream<Uint8Array>({
          start: (controller) => {
            for (const part of parts) controller.enqueue(new TextEncoder().encode(part))
          },
          pull: (controller) => controller.error(Object.assign(new TypeError("terminated"), { code: "ECONNRESET" }))
        })
      for (const parts of [[], ["hel"]]) {
        const reply = (number: number) => new Response(number < 3 ? broken(parts) : "hello")
        assert.deepStrictEqual(yield* callTwice(reply), ["hello", "hello"])
      }
    }))
})

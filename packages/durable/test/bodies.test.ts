import { HttpClient, HttpClientRequest } from "@effect/platform"
import { assert, describe } from "@effect/vitest"
import { Effect, Layer, Schema } from "effect"
import * as DurableHttp from "../src/DurableHttp.js"
import * as Engine from "./support/engine.js"
import * as Server from "./support/server.js"
import { itIsVirtual, runAll } from "./support/time.js"

/** Reads one body, twice: from the response, and from its record. */
const read = <A, I>(schema: Schema.Schema<A, I>, body: string) => {
  const call = DurableHttp.workflow({
    name: "Call",
    payload: { id: Schema.String },
    id: ({ id }) => id,
    request: HttpClientRequest.get("http://api.example.com/"),
    read: schema
  })
  const { client } = Server.make(() => new Response(body))
  const both = Effect.zip(call.await({ id: "1" }), call.await({ id: "1" }))
  return runAll(Effect.map(both, ([one, two]) => [one.body, two.body])).pipe(
    Effect.provide(call.layer.pipe(Layer.provideMerge(Engine.layer(Engine.makeStore())))),
    Effect.provideService(HttpClient.HttpClient, client)
  )
}

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
})

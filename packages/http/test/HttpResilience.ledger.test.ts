import { HttpClient } from "@effect/platform"
import { assert, describe, it } from "@effect/vitest"
import * as HttpFault from "@reprise/testing/HttpFault"
import { Effect, Schedule } from "effect"
import * as HttpResilience from "../src/HttpResilience.js"
import * as ResilientHttpClient from "../src/ResilientHttpClient.js"

describe("the ledger of a call", () => {
  const reasons = (result: object) => HttpResilience.attempts(result).map(({ reason }) => reason)
  const busy = HttpFault.respond({ status: 503 })
  const post = <E extends object>(client: HttpClient.HttpClient.With<E>) =>
    Effect.map(Effect.flip(client.post("http://h.test/")), reasons)

  it.effect("belongs to its failure", () =>
    Effect.gen(function*() {
      const { client } = yield* HttpFault.make(busy)
      assert.deepStrictEqual(yield* post(ResilientHttpClient.makeTyped()(client)), ["notIdempotent"])
    }))

  it.effect("belongs to the platform's error of a drop-in client", () =>
    Effect.gen(function*() {
      const { client } = yield* HttpFault.make(HttpFault.fail("connectionReset"))
      assert.deepStrictEqual(yield* post(ResilientHttpClient.make()(client)), ["notIdempotent"])
    }))

  it.effect("belongs to the error of filterStatusOk above the client", () =>
    Effect.gen(function*() {
      const { client } = yield* HttpFault.make(busy)
      assert.deepStrictEqual(yield* post(HttpClient.filterStatusOk(ResilientHttpClient.make()(client))), [
        "notIdempotent"
      ])
    }))

  it.effect("belongs to the rejection of a retry by a policy, also inside the error of a drop-in client", () =>
    Effect.gen(function*() {
      const options = (): ResilientHttpClient.Options => ({
        retry: Schedule.recurs(3),
        rateLimiter: HttpResilience.rateLimiter({ limit: 1, window: "1 hour", onExceeded: "fail" })
      })
      const check = <E extends object>(make: (client: HttpClient.HttpClient) => HttpClient.HttpClient.With<E>) =>
        Effect.gen(function*() {
          const { client } = yield* HttpFault.make(busy)
          const error = yield* Effect.flip(make(client).get("http://h.test/"))
          assert.deepStrictEqual(reasons(error), ["backoff", "rateLimited"])
        })
      yield* check(ResilientHttpClient.makeTyped(options()))
      yield* check(ResilientHttpClient.make(options()))
    }))

  it.effect("is empty for an error that no client has made", () =>
    Effect.gen(function*() {
      const { client } = yield* HttpFault.make(HttpFault.fail("connectionReset"))
      assert.deepStrictEqual(yield* post(client), [])
    }))
})

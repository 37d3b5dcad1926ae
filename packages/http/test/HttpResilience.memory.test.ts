import type { HttpClientRequest } from "@effect/platform"
import { HttpClient, HttpClientError, HttpClientResponse } from "@effect/platform"
import { afterAll, assert, beforeAll, describe, it } from "@effect/vitest"
import { Effect, Option, Schedule } from "effect"
import { collected } from "../../reprise/test/garbage.js"
import * as HttpFailure from "../src/HttpFailure.js"
import * as HttpResilience from "../src/HttpResilience.js"
import * as ResilientHttpClient from "../src/ResilientHttpClient.js"

const total = 500

/** Each attempt is answered by something new; the last one says how much of that is still in memory. */
const server = (
  end: (request: HttpClientRequest.HttpClientRequest) => {
    readonly held: object
    readonly answer: Effect.Effect<HttpClientResponse.HttpClientResponse, HttpClientError.HttpClientError>
  }
) => {
  const held: Array<WeakRef<object>> = []
  let alive = NaN
  const client = HttpClient.make((request) => {
    const next = Effect.suspend(() => {
      const { answer, held: one } = end(request)
      held.push(new WeakRef(one))
      return answer
    })
    const count = Effect.map(collected, () => {
      alive = held.filter((one) => one.deref() !== undefined).length
    })
    return Effect.suspend(() => held.length < total - 1 ? next : Effect.zipRight(count, next))
  })
  return { client, alive: () => alive }
}

const ends = {
  responses: () =>
    server((request) => {
      const held = new Response("busy", { status: 503 })
      return { held, answer: Effect.succeed(HttpClientResponse.fromWeb(request, held)) }
    }),
  errors: () =>
    server((request) => {
      const held = Object.assign(new Error("read ECONNRESET"), { code: "ECONNRESET", socket: new ArrayBuffer(64) })
      return {
        held,
        answer: Effect.fail(new HttpClientError.RequestError({ request, reason: "Transport", cause: held }))
      }
    })
}

const clients = { "a drop-in client": ResilientHttpClient.make, "a typed client": ResilientHttpClient.makeTyped }

// Until somebody reads its stack, an error of V8 holds the functions that were running, and what these hold.
const { stackTraceLimit } = Error
beforeAll(() => void (Error.stackTraceLimit = 0))
afterAll(() => void (Error.stackTraceLimit = stackTraceLimit))

describe.each(Object.keys(ends) as ReadonlyArray<keyof typeof ends>)("of the %s of a call's attempts", (what) => {
  it.live.each(Object.entries(clients))(
    "%s holds no more than the ledger has lines",
    ([, make]) =>
      Effect.gen(function*() {
        const { alive, client } = ends[what]()
        const retry = Schedule.recurs(total - 1)
        yield* Effect.exit(Effect.withSpan(
          (make as typeof ResilientHttpClient.makeTyped)({ retry, attemptTimeout: "10 seconds", deadline: "1 hour" })(
            client
          ).get("http://h.test/"),
          "call"
        ))
        // The line of an error holds its name and texts, and not the error.
        assert.isAtMost(alive(), what === "responses" ? 40 : 8)
      }),
    60_000
  )
})

describe("a call with more attempts than its ledger has lines", () => {
  const call = (status: number) =>
    ResilientHttpClient.makeTyped({ retry: Schedule.recurs(99) })(
      HttpClient.make((request) =>
        Effect.succeed(
          HttpClientResponse.fromWeb(request, new Response(null, { status, headers: { "retry-after": "0" } }))
        )
      )
    ).get("http://h.test/")

  it.live("says how many there were", () =>
    Effect.gen(function*() {
      const failure = yield* Effect.flip(call(429))
      assert.isTrue(
        HttpFailure.isHttpFailure(failure) && failure.message.includes("after 100 attempts"),
        failure.message
      )
    }))

  it.live("claims nothing of what the attempts did that have no line", () =>
    Effect.gen(function*() {
      const failure = (yield* Effect.flip(call(429))) as HttpFailure.HttpFailure
      assert.lengthOf(failure.attempts, 32)
      for (const line of failure.attempts) assert.strictEqual(Option.getOrThrow(line.failure).sent, "refused")
      assert.strictEqual(failure.sent, "maybe")
    }))

  it.live("has the same ledger for a response", () =>
    Effect.gen(function*() {
      const client = ResilientHttpClient.make({ retry: Schedule.recurs(99) })(
        HttpClient.make((request) =>
          Effect.succeed(HttpClientResponse.fromWeb(request, new Response(null, { status: 503 })))
        )
      )
      const numbers = HttpResilience.attempts(yield* client.get("http://h.test/")).map(({ number }) => number)
      assert.deepStrictEqual([numbers.length, numbers[7], numbers[8], numbers.at(-1)], [32, 8, 77, 100])
    }))
})

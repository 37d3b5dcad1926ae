import type { HttpClientError } from "@effect/platform"
import { HttpClient, HttpClientRequest, HttpClientResponse } from "@effect/platform"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Option, Random, Schedule } from "effect"
import { DeadlineExceeded } from "reprise/Deadline"
import * as RetryBudget from "reprise/RetryBudget"
import * as Tripping from "reprise/Tripping"
import * as Virtual from "../../reprise/test/virtual.js"
import * as HttpFailure from "../src/HttpFailure.js"
import * as HttpResilience from "../src/HttpResilience.js"
import type * as HttpRetry from "../src/HttpRetry.js"
import { kindOf } from "../src/internal/classify/clientError.js"
import * as ResilientHttpClient from "../src/ResilientHttpClient.js"

/** Answers each request at once by the statuses, and with the last of them from then on; 0 is no answer. */
const server = (...statuses: ReadonlyArray<number>) => {
  let sent = 0
  return HttpClient.make((request) => {
    const status = statuses[Math.min(sent++, statuses.length - 1)]!
    return status === 0
      ? Effect.never
      : Effect.succeed(HttpClientResponse.fromWeb(request, new Response(null, { status })))
  })
}

/** Answers so often, and then never. */
const answering = <A>(times: number, value: A): Effect.Effect<A> => {
  let asked = 0
  return Effect.suspend(() => asked++ < times ? Effect.succeed(value) : Effect.never)
}

const mute = { ...Random.make(0), nextIntBetween: () => Effect.never } as Random.Random

const twice = Schedule.recurs(1)
const budget = (times: number): HttpRetry.Budget => {
  const made = Effect.runSync(RetryBudget.share({ ratio: 1, minPerSecond: 100 }))
  const asked = answering(times, made)
  return () => asked
}

interface Case {
  readonly options: ResilientHttpClient.Options
  readonly statuses: ReadonlyArray<number>
  /** The tag of the last failure. */
  readonly last?: string
  readonly request?: HttpClientRequest.HttpClientRequest
  readonly before?: (client: typeof ResilientHttpClient.ResilientHttpClient.Service) => Effect.Effect<unknown>
}

const cases: Record<string, () => Case> = {
  "a rate limiter of one's own": () => ({
    options: { rateLimiter: HttpResilience.rateLimiter(() => Effect.never), retry: false },
    statuses: [200]
  }),
  "a rate limiter of one's own, before the second attempt": () => {
    const consume = answering(1, undefined)
    return {
      options: { rateLimiter: HttpResilience.rateLimiter(() => consume), retry: twice },
      statuses: [503],
      last: "ServerError"
    }
  },
  "a schedule": () => ({
    options: { retry: Schedule.mapEffect(twice, () => Effect.never) },
    statuses: [503],
    last: "ServerError"
  }),
  "a budget": () => ({ options: { budget: budget(0), retry: twice }, statuses: [503] }),
  "a budget that a hedge asks": () => ({
    options: { budget: budget(1), retry: false, hedge: HttpResilience.hedge({ after: "100 millis" }) },
    statuses: [0],
    last: "AttemptTimeout"
  }),
  "the source of an idempotency key": () => ({
    options: { idempotencyKeys: true, retry: twice },
    statuses: [200],
    request: HttpClientRequest.post("http://h.test/")
  }),
  "a probe": () => ({
    options: {
      breaker: HttpResilience.circuitBreaker({
        trip: Tripping.consecutive(1),
        openFor: Schedule.spaced("1 second"),
        probe: Effect.never
      }),
      retry: false
    },
    statuses: [503, 200],
    before: (client) => Effect.zipRight(Effect.exit(client.get("http://h.test/")), Effect.sleep("2 seconds"))
  })
}

describe("a call ends at its deadline, and leaves nothing behind, where nothing comes from", () => {
  for (const [name, make] of Object.entries(cases)) {
    it(name, () => {
      const { before, last, options, request = HttpClientRequest.get("http://h.test/"), statuses } = make()
      const client = ResilientHttpClient.makeTyped({ ...options, deadline: "1 second" })(server(...statuses))
      let began = 0
      const program = Effect.gen(function*() {
        if (before !== undefined) yield* before(client)
        began = yield* Effect.clockWith((clock) => clock.currentTimeMillis)
        const call = Effect.flip(client.execute(request))
        return yield* name.startsWith("the source") ? Effect.withRandom(call, mute) : call
      })
      const { endMillis, exit, fibersLeft, sleepsLeft } = Virtual.run(program)
      assert.deepStrictEqual([endMillis - began, fibersLeft, sleepsLeft], [1_000, 0, 0])
      const { success: error } = Virtual.plain(exit) as { success: unknown }
      assert.instanceOf(error, DeadlineExceeded)
      const tag = Option.map(error.last, (failure) => HttpFailure.isHttpFailure(failure) ? failure._tag : "another")
      assert.strictEqual(Option.getOrUndefined(tag), last)
    })
  }

  it("the server, and then tells of the attempt that it cut short", () => {
    const client = ResilientHttpClient.makeTyped({ retry: twice, deadline: "1 second" })(server(0))
    const { endMillis, exit } = Virtual.run(Effect.flip(client.get("http://h.test/")))
    assert.strictEqual(endMillis, 1_000)
    const { success: error } = Virtual.plain(exit) as { success: DeadlineExceeded<HttpFailure.HttpFailure> }
    const last = Option.getOrThrow(error.last)
    assert.deepStrictEqual([last._tag, last.attempts.map(({ reason }) => reason)], ["AttemptTimeout", ["deadline"]])
  })

  for (const hedge of [undefined, HttpResilience.hedge({ after: "900 millis" })]) {
    it(`the server, also where its connection closes slowly${hedge === undefined ? "" : ", with a hedge"}`, () => {
      const slow = HttpClient.make(() => Effect.onInterrupt(Effect.never, () => Effect.sleep("5 millis")))
      const client = ResilientHttpClient.makeTyped({ retry: twice, deadline: "1 second", hedge })(slow)
      const { endMillis, exit } = Virtual.run(Effect.flip(client.get("http://h.test/")))
      assert.strictEqual(endMillis, 1_005)
      const { success: error } = Virtual.plain(exit) as { success: DeadlineExceeded<HttpFailure.HttpFailure> }
      assert.instanceOf(error, DeadlineExceeded)
      assert.strictEqual(Option.getOrThrow(error.last)._tag, "AttemptTimeout")
    })
  }

  it("a limiter, and a drop-in client fails with what its programs know", () => {
    const rateLimiter = HttpResilience.rateLimiter(() => Effect.never)
    const client = ResilientHttpClient.make({ rateLimiter, deadline: "1 second" })(server(200))
    const { endMillis, exit } = Virtual.run(Effect.flip(client.get("http://h.test/")))
    assert.strictEqual(endMillis, 1_000)
    const { success: error } = Virtual.plain(exit) as { success: HttpClientError.HttpClientError }
    assert.strictEqual(kindOf(error), "Transport")
    assert.instanceOf(error.cause, DeadlineExceeded)
  })
})

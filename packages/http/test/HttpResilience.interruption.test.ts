import type { HttpClientError, HttpClientRequest } from "@effect/platform"
import { HttpClient, HttpClientResponse } from "@effect/platform"
import { assert, describe, it } from "@effect/vitest"
import { Array, Effect, Option } from "effect"
import * as RateLimiter from "reprise/RateLimiter"
import * as RetryBudget from "reprise/RetryBudget"
import * as Virtual from "../../reprise/test/virtual.js"
import * as HttpResilience from "../src/HttpResilience.js"
import * as ResilientHttpClient from "../src/ResilientHttpClient.js"
import * as Memory from "./support/memory.js"

interface Answer {
  readonly status?: number
  readonly afterMillis?: number
  readonly headers?: Readonly<Record<string, string>>
}

const busy: Answer = { status: 429, afterMillis: 0, headers: { "retry-after": "10" } }
const down: Answer = { status: 500, afterMillis: 0 }

/** Answers by the script, then with 200 after 5 ms, and knows how many requests are in flight. */
class Server {
  readonly script: Array<Answer> = []
  running = 0

  private answer(request: HttpClientRequest.HttpClientRequest) {
    const { afterMillis = 5, headers = {}, status = 200 } = this.script.shift() ?? {}
    const response = HttpClientResponse.fromWeb(request, new Response(null, { status, headers }))
    return Effect.as(Effect.sleep(afterMillis), response)
  }

  readonly client: HttpClient.HttpClient = HttpClient.makeWith<never, never, HttpClientError.HttpClientError, never>(
    Effect.flatMap((request) =>
      Effect.acquireUseRelease(
        Effect.sync(() => this.running++),
        () => this.answer(request),
        () => Effect.sync(() => this.running--)
      )
    ),
    Effect.succeed
  )
}

interface Calls {
  readonly server: Server
  /** How so many calls at once end. */
  readonly calls: (count: number) => Effect.Effect<ReadonlyArray<number | string>>
}

interface Scene {
  readonly options: ResilientHttpClient.Options
  /** Takes no time, and is not cut. */
  readonly before?: (calls: Calls) => Effect.Effect<unknown>
  /** What is cut. */
  readonly program: (calls: Calls) => Effect.Effect<unknown>
  /** Begins when that has ended, and has to come to the same, wherever that was. */
  readonly after: (calls: Calls) => Effect.Effect<unknown>
  readonly expected: unknown
}

/** Cuts it at each operation in turn, or at each so many; says how often. */
const cut = (make: () => Scene, every?: number) => {
  let sooner = 0
  Virtual.interruptEverywhere(
    () => {
      const { after, before, expected, options, program } = make()
      const server = new Server()
      const call = ResilientHttpClient.makeTyped({ retry: false, ...options })(server.client).get("http://h.test/")
      const calls: Calls = {
        server,
        calls: (count) => Effect.all(Array.replicate(Memory.ended(call), count), { concurrency: "unbounded" })
      }
      if (before !== undefined) assert.strictEqual(Virtual.run(before(calls)).endMillis, 0)
      return { server, program: program(calls), after: after(calls), expected }
    },
    ({ endMillis, exit, fibersLeft, interruptedMillis, sleepsLeft }, at, { after, expected, server }) => {
      const where = `cut at operation ${at}`
      assert.deepStrictEqual([Option.isSome(exit), fibersLeft, sleepsLeft, server.running], [true, 0, 0, 0], where)
      if (interruptedMillis !== undefined) assert.strictEqual(endMillis, interruptedMillis, where)
      if (Option.exists(exit, ({ _tag }) => _tag === "Failure")) sooner++
      server.script.splice(0)
      const later = Virtual.run(Effect.zipRight(Effect.sleep(endMillis), after))
      assert.deepStrictEqual([later.fibersLeft, later.sleepsLeft, server.running], [0, 0, 0], where)
      assert.deepStrictEqual(
        Option.map(later.exit, (exit) => exit._tag === "Success" && exit.value),
        Option.some(expected),
        where
      )
    },
    undefined,
    every
  )
  return sooner
}

const scripted = ({ server }: Calls, ...answers: ReadonlyArray<Answer>) =>
  Effect.sync(() => {
    server.script.splice(0, Infinity, ...answers)
  })

/** Two may wait at the gate, and one more is one too many. */
const gate = HttpResilience.retryAfterGate({ jitter: 0, maxWaiting: 2 })
const closeGate = (calls: Calls) => Effect.zipRight(scripted(calls, busy), calls.calls(1))
const gateIsEmpty: Pick<Scene, "after" | "expected"> = {
  after: (calls) => Effect.sleep("20 seconds").pipe(Effect.zipRight(closeGate(calls)), Effect.zipRight(calls.calls(3))),
  expected: [200, 200, "GateClosed"]
}

describe("a call that is interrupted, at whatever operation,", () => {
  it("leaves an open gate as it was", () => {
    assert.isAbove(cut(() => ({ options: { gate }, program: ({ calls }) => calls(1), ...gateIsEmpty })), 40)
  })

  it("leaves its place at a closed gate", () => {
    assert.isAbove(
      cut(() => ({ options: { gate }, before: closeGate, program: ({ calls }) => calls(2), ...gateIsEmpty })),
      100
    )
  })

  it("leaves the gate as it was while it closes it", () => {
    const program = (calls: Calls) => Effect.zipRight(scripted(calls, busy), calls.calls(1))
    assert.isAbove(cut(() => ({ options: { gate }, program, ...gateIsEmpty })), 50)
  })

  it("leaves a breaker that can be probed", () => {
    assert.isAbove(
      cut(() => ({
        // As good as no lease: a permit that is not given back is gone.
        options: { breaker: Memory.breaker(1, { lease: "20 days" }).guard },
        before: (calls) => Effect.zipRight(scripted(calls, down), calls.calls(1)),
        // One is a probe, and the others are rejected.
        program: ({ calls }) => Effect.delay(calls(3), "1 minute"),
        after: ({ calls }) => Effect.delay(calls(1), "1 minute"),
        expected: [200]
      })),
      100
    )
  })

  it("leaves a breaker that can be waited for", () => {
    assert.isAbove(
      cut(() => ({
        options: { breaker: Memory.breaker(1, { onOpen: "wait", lease: "20 days" }).guard },
        before: (calls) => Effect.zipRight(scripted(calls, down), calls.calls(1)),
        program: ({ calls }) => calls(2),
        after: ({ calls }) => calls(2),
        expected: [200, 200]
      })),
      100
    )
  })

  it("gives the permit and the place of a bulkhead back", () => {
    assert.isAbove(
      cut(() => ({
        options: { bulkhead: HttpResilience.bulkhead({ maxConcurrent: 1, maxQueued: 1, queueTimeout: "1 minute" }) },
        program: ({ calls }) => calls(2),
        after: ({ calls }) => calls(3),
        expected: [200, 200, "BulkheadFull"]
      })),
      100
    )
  })

  it("gives the permit and the place of an adaptive limiter back", () => {
    assert.isAbove(
      cut(() => ({
        options: { adaptiveLimiter: Memory.limiter(1, { maxQueued: 1, queueTimeout: "1 minute" }).guard },
        program: ({ calls }) => calls(2),
        after: ({ calls }) => calls(3),
        expected: [200, 200, "LimitExceeded"]
      })),
      100
    )
  })

  it("leaves its place in the queue of a rate limiter", () => {
    assert.isAbove(
      cut(() => {
        const options = { limit: 1, window: "1 second", onExceeded: "delay", maxQueued: 2 } as const
        return {
          options: { rateLimiter: HttpResilience.rateLimiter(options) },
          program: ({ calls }) => calls(2),
          after: ({ calls }) => Effect.delay(calls(4), "5 seconds"),
          expected: [200, 200, 200, "RateLimitExceeded"]
        }
      }),
      100
    )
  })

  it("leaves no attempt of a hedge, nor a permit of one", () => {
    assert.isAbove(
      cut(() => {
        const options = {
          hedge: HttpResilience.hedge({ after: 2 }),
          bulkhead: HttpResilience.bulkhead({ maxConcurrent: 2 }),
          attemptTimeout: "1 second"
        } as const
        return {
          options,
          // The first one loses.
          program: (calls) => Effect.zipRight(scripted(calls, { afterMillis: 20 }), calls.calls(1)),
          after: (calls) => Effect.zipRight(scripted(calls, { afterMillis: 1 }, { afterMillis: 1 }), calls.calls(3)),
          expected: [200, 200, "BulkheadFull"]
        }
      }),
      100
    )
  })

  it("leaves nothing of all of them together, with a retry, a hedge, a budget and a deadline", () => {
    assert.isAbove(
      cut(() => {
        const budget = Effect.runSync(RetryBudget.tokens({ capacity: 9, cost: 1, onSuccess: 0 }))
        const limiter = Effect.runSync(Effect.withClock(
          RateLimiter.make({ limit: 9, window: "1 second", onExceeded: "delay" }),
          Virtual.clock()
        ))
        return {
          options: {
            retry: Memory.attempts(3),
            budget: () => Effect.succeed(budget),
            deadline: "1 minute",
            hedge: HttpResilience.hedge({ after: 2 }),
            gate,
            breaker: Memory.breaker(9).guard,
            bulkhead: HttpResilience.bulkhead({ maxConcurrent: 2, maxQueued: 1 }),
            adaptiveLimiter: Memory.limiter(2).guard,
            rateLimiter: HttpResilience.rateLimiter(() => RateLimiter.consume(limiter)),
            attemptTimeout: "1 second"
          },
          // A hedge for the first failure, a retry for both, and a hedge beside that.
          program: (calls) => Effect.zipRight(scripted(calls, down, down, { afterMillis: 20 }), calls.calls(1)),
          after: (calls) =>
            Effect.gen(function*() {
              yield* Effect.sleep("5 seconds")
              yield* scripted(calls, ...Array.replicate({ afterMillis: 1 }, 3))
              const ends = yield* calls.calls(4)
              const { held } = yield* RetryBudget.snapshot(budget)
              const { waiting } = yield* RateLimiter.snapshot(limiter)
              return { ends, held, waiting }
            }),
          expected: { ends: [200, 200, 200, "BulkheadFull"], held: 0, waiting: 0 }
        }
        // There are a thousand of them.
      }, 5),
      100
    )
  })
})

import { HttpApp } from "@effect/platform"
import { assert, describe, it } from "@effect/vitest"
import { Clock, Duration, Effect, Fiber, Schedule, TestClock } from "effect"
import * as Deadline from "reprise/Deadline"
import { offBy } from "../../reprise/test/clockSteps.js"
import * as HttpResilience from "../src/HttpResilience.js"
import * as HttpServerResilience from "../src/HttpServerResilience.js"
import type * as ResilientHttpClient from "../src/ResilientHttpClient.js"
import * as Memory from "./support/memory.js"

const hour = 3_600_000

/** The clock of the test, whose wall time can be set. */
const settable = Effect.clockWith((clock) => {
  let offMillis = 0
  const set = offBy(clock, () => offMillis)
  const step = (byMillis: number) =>
    Effect.sync(() => {
      offMillis += byMillis
    })
  return Effect.succeed({ step, on: <A, E, R>(self: Effect.Effect<A, E, R>) => Effect.withClock(self, set) })
})

const passed = Effect.map(Clock.currentTimeNanos, (nanos) => Number(nanos) / 1e6)

/** How a call ended, and when, where somebody sets the wall clock 100 ms after it began. */
const call = (byMillis: number, { call }: { readonly call: () => Memory.Call }, first?: Effect.Effect<unknown>) =>
  Effect.gen(function*() {
    const { on, step } = yield* settable
    if (first !== undefined) yield* on(first)
    const began = yield* passed
    const fiber = yield* Effect.fork(on(Effect.zip(Memory.ended(call()), passed)))
    yield* TestClock.adjust("100 millis")
    yield* step(byMillis)
    yield* TestClock.adjust("1 day")
    const [result, ended] = yield* Fiber.join(fiber)
    return [result, ended - began]
  })

for (const [direction, byMillis] of [["back", -hour], ["forward", hour]] as const) {
  describe(`a wall clock that is set ${direction} by an hour`, () => {
    it.effect("keeps a gate closed for as long as the server has asked", () =>
      Effect.gen(function*() {
        const gate = HttpResilience.retryAfterGate({ jitter: 0 })
        const client = yield* Memory.make({ gate }, Memory.busy(5))
        assert.deepStrictEqual(yield* call(byMillis, client, Memory.ended(client.call())), [200, 5_000])
      }))

    const ends: ReadonlyArray<readonly [what: string, options: ResilientHttpClient.Options, expected: unknown]> = [
      ["ends a call at its deadline", { deadline: "1 second" }, ["DeadlineExceeded", 1_000]],
      ["ends an attempt after its time", { attemptTimeout: "1 second" }, ["AttemptTimeout", 1_000]],
      [
        "ends a call with several attempts at its deadline",
        { deadline: "1 second", attemptTimeout: "300 millis", retry: Memory.attempts(9) },
        ["DeadlineExceeded", 300]
      ],
      [
        "hedges after the delay",
        { deadline: "1 second", hedge: HttpResilience.hedge({ after: "300 millis" }) },
        ["DeadlineExceeded", 1_000]
      ]
    ]
    it.effect.each(ends)("%s", ([, options, expected]) =>
      Effect.gen(function*() {
        const client = yield* Memory.make(options)
        yield* client.server.always(Memory.after("1 day"))
        assert.deepStrictEqual(yield* call(byMillis, client), expected)
      }))

    it.effect("lets a call that waits at an open circuit go on after the open time", () =>
      Effect.gen(function*() {
        const { guard: breaker } = Memory.breaker(1, { openFor: Schedule.spaced("5 seconds"), onOpen: "wait" })
        const client = yield* Memory.make({ breaker }, Memory.down)
        const [result, millis] = yield* call(byMillis, client, Memory.ended(client.call()))
        assert.strictEqual(result, 200)
        assert.isAtLeast(Number(millis), 5_000)
        assert.isAtMost(Number(millis), 5_500)
      }))

    it.effect("does not change the time that is left, where a request tells it", () =>
      Effect.gen(function*() {
        const client = yield* Memory.make(
          { deadline: "10 seconds", deadlineHeader: "x-timeout-ms", retry: Memory.attempts(2) },
          Memory.after("200 millis", Memory.reset)
        )
        assert.deepStrictEqual(yield* call(byMillis, client), [200, 1_200])
        const requests = yield* client.server.requests
        assert.deepStrictEqual(requests.map(({ headers }) => headers["x-timeout-ms"]), ["10000", "8800"])
      }))

    it.effect("lets a handler end with the time that the caller has given", () =>
      Effect.gen(function*() {
        const { on, step } = yield* settable
        const left: Array<number> = []
        const app = Effect.sleep("100 millis").pipe(
          Effect.zipRight(step(byMillis)),
          Effect.zipRight(Effect.map(Deadline.remaining, (remaining) => left.push(Duration.toMillis(remaining)))),
          Effect.zipRight(Effect.never)
        )
        const runtime = yield* on(Effect.runtime<never>())
        const handle = HttpApp.toWebHandlerRuntime(runtime)(
          HttpServerResilience.deadline({ header: "x-timeout-ms" })(app)
        )
        const request = new Request("http://h.test/", { headers: { "x-timeout-ms": "1000" } })
        const answer = yield* Effect.fork(Effect.promise(() => handle(request)))
        yield* TestClock.adjust("999 millis")
        assert.isNotOk(answer.unsafePoll())
        yield* TestClock.adjust("1 millis")
        assert.strictEqual((yield* Fiber.join(answer)).status, 504)
        assert.deepStrictEqual(left, [900])
      }))
  })
}

import { assert, describe, it } from "@effect/vitest"
import { Activity, Workflow } from "@effect/workflow"
import { Clock, Effect, Layer, Option, Schema } from "effect"
import * as Backoff from "reprise/Backoff"
import * as InvalidOption from "reprise/InvalidOption"
import * as Retry from "reprise/Retry"
import * as DurableRetry from "../src/DurableRetry.js"
import * as Engine from "./support/engine.js"
import { itIsVirtual, runUntil } from "./support/time.js"

class Busy extends Schema.TaggedError<Busy>()("Busy", { retryable: Schema.Boolean }) {}

const Send = Workflow.make({
  name: "Send",
  payload: { id: Schema.String },
  idempotencyKey: ({ id }) => id,
  success: Schema.Number,
  error: Schema.Union(Busy, DurableRetry.DeadlinePassed)
})

/** An activity that succeeds in attempt `last`, and the times of its attempts. */
const email = (last: number, retryable = true) => {
  const times: Array<number> = []
  const activity = Activity.make({
    name: "email",
    success: Schema.Number,
    error: Busy,
    execute: Effect.gen(function*() {
      times.push(yield* Clock.currentTimeMillis)
      const number = yield* Activity.CurrentAttempt
      return number < last ? yield* new Busy({ retryable }) : number
    })
  })
  return { activity, times }
}

const run = (
  body: Effect.Effect<number, Busy | DurableRetry.DeadlinePassed, Engine.Needs>,
  store = Engine.makeStore(),
  untilMillis = Infinity
) =>
  runUntil(
    Effect.exit(Send.execute({ id: "1" })).pipe(
      Effect.provide(Send.toLayer(() => body).pipe(Layer.provideMerge(Engine.layer(store))))
    ),
    untilMillis
  )

const seconds = Backoff.linear("10 seconds").pipe(Backoff.attempts(3))

describe("a durable retry of an activity", () => {
  itIsVirtual("waits as the schedule says, and numbers the attempts", () =>
    Effect.gen(function*() {
      const { activity, times } = email(3)
      const value = yield* Option.getOrThrow(yield* run(activity.pipe(DurableRetry.retry(seconds))))
      assert.strictEqual(value, 3)
      assert.deepStrictEqual(times, [0, 10_000, 30_000])
    }))

  itIsVirtual("fails with the last error", () =>
    Effect.gen(function*() {
      const { activity, times } = email(9)
      const error = yield* Effect.flip(Option.getOrThrow(yield* run(DurableRetry.retry(activity, seconds))))
      assert.strictEqual(error._tag, "Busy")
      assert.strictEqual(times.length, 3)
    }))

  itIsVirtual("obeys the filters of the schedule, and `while`", () =>
    Effect.gen(function*() {
      const filtered = email(9, false)
      yield* run(DurableRetry.retry(filtered.activity, Retry.whileRetryable(seconds)))
      const refused = email(9)
      yield* run(DurableRetry.retry(refused.activity, seconds, { while: () => false }))
      assert.deepStrictEqual([filtered.times.length, refused.times.length], [1, 1])
    }))

  itIsVirtual("waits only for the rest after a restart, and repeats no attempt", () =>
    Effect.gen(function*() {
      const { activity, times } = email(3)
      const body = DurableRetry.retry(activity, seconds, { inMemoryThreshold: 0 })
      const store = Engine.makeStore()
      for (const untilMillis of [5_000, 12_000, 25_000]) yield* run(body, store, untilMillis)
      assert.strictEqual(yield* Option.getOrThrow(yield* run(body, store)), 3)
      assert.deepStrictEqual(times, [0, 10_000, 30_000])
    }))

  itIsVirtual("ends a running attempt at its deadline", () =>
    Effect.gen(function*() {
      const hanging = Activity.make({ name: "hanging", success: Schema.Number, execute: Effect.never })
      const body = DurableRetry.retry(hanging, seconds, { deadline: "1 minute" })
      const error = yield* Effect.flip(Option.getOrThrow(yield* run(body)))
      assert.strictEqual(error._tag, "DeadlinePassed")
      assert.strictEqual(error.message, "The deadline of \"hanging\" has passed after 1 attempts")
      assert.strictEqual(yield* Clock.currentTimeMillis, 60_000)
    }))

  itIsVirtual("makes one attempt of a retry loop inside", () =>
    Effect.gen(function*() {
      let calls = 0
      const nested = Activity.make({
        name: "nested",
        success: Schema.Number,
        error: Busy,
        execute: Effect.suspend(() => ++calls < 3 ? new Busy({ retryable: true }) : Effect.succeed(calls)).pipe(
          Retry.retry(Backoff.linear("1 second"))
        )
      })
      yield* run(DurableRetry.retry(nested, seconds))
      assert.strictEqual(yield* Clock.currentTimeMillis, 30_000)
    }))

  itIsVirtual("retries an error without a value", () =>
    Effect.gen(function*() {
      let calls = 0
      const empty = Activity.make({
        name: "empty",
        success: Schema.Number,
        error: Schema.Void,
        execute: Effect.suspend(() => ++calls < 3 ? Effect.fail(undefined) : Effect.succeed(calls))
      })
      const body = Effect.catchAll(DurableRetry.retry(empty, seconds), () => Effect.succeed(0))
      assert.strictEqual(yield* Option.getOrThrow(yield* run(body)), 3)
    }))

  it("fails for options out of range", () => {
    assert.throws(() => DurableRetry.retry(email(1).activity, seconds, { deadline: 0 }), InvalidOption.InvalidOption)
  })
})

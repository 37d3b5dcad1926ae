import { assert, describe, it } from "@effect/vitest"
import { Duration, Effect, Option, Random } from "effect"
import * as Backoff from "../src/Backoff.js"
import * as Deadline from "../src/Deadline.js"
import * as Retry from "../src/Retry.js"
import * as Telemetry from "../src/Telemetry.js"

const failures = (...errors: ReadonlyArray<unknown>) =>
  errors.map((error, index) => ({ error, atMillis: 1_000 * index, seed: index }))

const hint = (retryable: boolean, seconds?: number) => ({
  retryable,
  retryAfter: seconds === undefined ? Option.none() : Option.some(Duration.seconds(seconds))
})

describe("a decision about recorded failures", () => {
  it.effect("is that of the retry loop for the last of them", () =>
    Effect.gen(function*() {
      const policy = Backoff.exponential("1 second").pipe(Backoff.attempts(4))
      const delays = yield* Effect.forEach([1, 2, 3], (n) => Retry.decide(policy, failures(...Array(n).fill("down"))))
      assert.deepStrictEqual(delays.map((next) => next._tag === "Wait" && next.delayMillis), [1_000, 2_000, 4_000])
      const end = yield* Retry.decide(policy, failures(1, 2, 3, 4))
      assert.deepStrictEqual(end, { _tag: "Stop", reason: "attempts" })
    }))

  it.effect("is due at once without a failure", () =>
    Effect.gen(function*() {
      const first = yield* Retry.decide(Backoff.linear("1 second"), [])
      assert.deepStrictEqual(first, { _tag: "Wait", delayMillis: 0, reason: "backoff" })
    }))

  it.effect("draws the same jitter again from the recorded seeds, and not from the fiber", () =>
    Effect.gen(function*() {
      const policy = Backoff.decorrelated({ base: "1 second", cap: "1 hour" })
      const decide = (seed: string) =>
        Effect.withRandom(Retry.decide(policy, failures(1, 2, 3, 4, 5)), Random.make(seed))
      assert.deepStrictEqual(yield* decide("one"), yield* decide("two"))
    }))

  it.effect("draws evenly over seeds that follow each other", () =>
    Effect.gen(function*() {
      const policy = Backoff.fullJitter(Backoff.linear("1 second"))
      const counts: Array<number> = Array(10).fill(0)
      for (let seed = 0; seed < 2_000; seed++) {
        const next = yield* Retry.decide(policy, [{ error: "down", atMillis: 0, seed }])
        counts[Math.floor((next._tag === "Wait" ? next.delayMillis : 0) / 100)]!++
      }
      for (const count of counts) assert.closeTo(count, 200, 70)
    }))

  it.effect("uses the recorded dates, also those of other processes", () =>
    Effect.gen(function*() {
      const policy = Backoff.linear("1 second", { increment: 0 }).pipe(Backoff.within("10 seconds"))
      const at = (atMillis: number) => ({ error: "down", atMillis })
      assert.strictEqual((yield* Retry.decide(policy, [at(0), at(8_000)]))._tag, "Wait")
      assert.deepStrictEqual(yield* Retry.decide(policy, [at(0), at(9_500)]), { _tag: "Stop", reason: "within" })
    }))

  it.effect("obeys hints, filters, the deadline, and an outer loop", () =>
    Effect.gen(function*() {
      const policy = Backoff.linear("1 second").pipe(Retry.whileRetryable, Retry.honorHint({ jitter: 0 }))
      const decide = (error: Retry.Hint) => Retry.decide(policy, [{ error, atMillis: 0 }])
      assert.deepStrictEqual(yield* decide(hint(true, 7)), { _tag: "Wait", delayMillis: 7_000, reason: "retryAfter" })
      assert.strictEqual((yield* decide(hint(false))).reason, "notRetryable")
      assert.strictEqual((yield* Deadline.within(decide(hint(true, 7)), "5 seconds")).reason, "deadline")
      assert.strictEqual((yield* Retry.withoutNested(decide(hint(true)))).reason, "nested")
      const refused = yield* Retry.decide(Backoff.linear("1 second"), failures("down"), { canHelp: () => false })
      assert.strictEqual(refused.reason, "notRetryable")
    }))

  it.effect("passes a filter that an earlier failure has passed", () =>
    Effect.gen(function*() {
      const policy = Backoff.linear("1 second").pipe(Backoff.attempts(3), Retry.whileTag("Busy"))
      const next = yield* Retry.decide(policy, failures({ _tag: "Busy" }, { _tag: "Busy" }), { canHelp: () => false })
      assert.deepStrictEqual(next, { _tag: "Wait", delayMillis: 2_000, reason: "backoff" })
    }))

  it.effect("emits no event, of which only the maker of the attempts knows the key", () =>
    Effect.gen(function*() {
      const tags: Array<string> = []
      const told = Telemetry.withListener(({ _tag }) => void tags.push(_tag))
      const policy = Backoff.linear("1 second").pipe(Backoff.attempts(2))
      yield* told(Retry.decide(policy, failures("down")))
      yield* told(Retry.decide(policy, failures("down", "down")))
      assert.deepStrictEqual(tags, [])
    }))
})

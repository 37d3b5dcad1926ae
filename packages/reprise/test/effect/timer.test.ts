import { assert, describe, it } from "@effect/vitest"
import { Clock, Context, DefaultServices, Effect } from "effect"
import { maxDelayMillis } from "reprise/InvalidOption"
import { afterEach, beforeEach, vi } from "vitest"
import * as timer from "../../src/internal/effect/timer.js"

const start = (millis: number, task: () => void) =>
  Effect.runSync(Effect.withFiberRuntime<() => void>((fiber) => Effect.succeed(timer.start(fiber, millis, task))))

describe("a timer on the live clock", () => {
  beforeEach(() => {
    vi.useFakeTimers()
  })
  afterEach(() => {
    vi.useRealTimers()
  })

  it("fires after exactly its time, even if one timer cannot hold it", () => {
    const fired: Array<number> = []
    const began = Date.now()
    for (const millis of [maxDelayMillis, maxDelayMillis + 1, 5_000_000_000]) {
      start(millis, () => fired.push(Date.now() - began))
    }
    vi.advanceTimersByTime(5_000_000_000)
    assert.deepStrictEqual(fired, [maxDelayMillis, maxDelayMillis + 1, 5_000_000_000])
    assert.strictEqual(vi.getTimerCount(), 0)
  })

  it("leaves nothing behind when it is stopped in any of its parts", () => {
    let fired = 0
    const stops = [0, maxDelayMillis, maxDelayMillis].map((pause) => {
      vi.advanceTimersByTime(pause)
      return start(5_000_000_000, () => fired++)
    })
    for (const stop of stops) stop()
    assert.strictEqual(vi.getTimerCount(), 0)
    vi.advanceTimersByTime(10_000_000_000)
    assert.strictEqual(fired, 0)
  })
})

describe("a timer", () => {
  const live = Context.get(DefaultServices.liveServices, Clock.Clock)
  const other: Clock.Clock = Object.assign(Object.create(live), { sleep: live.sleep.bind(live) })
  beforeEach(() => {
    vi.useFakeTimers()
  })
  afterEach(() => {
    vi.useRealTimers()
  })

  it("finds the live clock in the programs of this version of Effect", () => {
    assert.strictEqual(Effect.runSync(Effect.clock), live)
  })

  for (const [name, clock] of [["the live clock", live], ["any other clock", other]] as const) {
    it(`fires after its time, unless it is stopped, on ${name}`, async () => {
      const fired: Array<string> = []
      const stops = Effect.runSync(
        Effect.withClock(
          Effect.withFiberRuntime<ReadonlyArray<() => void>>((fiber) =>
            Effect.sync(() => [
              timer.start(fiber, 5_000_000_000, () => fired.push("long")),
              timer.start(fiber, 1_000, () => fired.push("short")),
              timer.start(fiber, 500, () => fired.push("stopped"))
            ])
          ),
          clock
        )
      )
      stops[2]!()
      await vi.advanceTimersByTimeAsync(999)
      assert.deepStrictEqual(fired, [])
      await vi.advanceTimersByTimeAsync(10)
      assert.deepStrictEqual(fired, ["short"])
      await vi.advanceTimersByTimeAsync(4_999_998_000)
      assert.deepStrictEqual(fired, ["short"])
      await vi.advanceTimersByTimeAsync(1_000)
      assert.deepStrictEqual(fired, ["short", "long"])
    })
  }
})

import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { maxDelayMillis } from "reprise/InvalidOption"
import { afterEach, beforeEach, vi } from "vitest"
import * as timer from "../../src/internal/timer.js"

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

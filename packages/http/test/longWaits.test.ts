/** Waits for more than a timer can hold (2^31-1 ms, 24.8 days). */
import { HttpClient, HttpClientResponse } from "@effect/platform"
import { assert, describe, it } from "@effect/vitest"
import { Duration, Effect, Schedule } from "effect"
import * as Deadline from "reprise/Deadline"
import { maxDelayMillis } from "reprise/InvalidOption"
import * as Tripping from "reprise/Tripping"
import * as Services from "../../reprise/test/services.js"
import * as HttpResilience from "../src/HttpResilience.js"
import * as ResilientHttpClient from "../src/ResilientHttpClient.js"

/** Time passes by sleeping alone. A sleep that is longer than a timer can hold never ends, as on the live clock. */
const makeClock = () => {
  let now = 0
  const sleeps: Array<number> = []
  const clock = Services.changedClock({
    unsafeCurrentTimeMillis: () => now,
    unsafeCurrentTimeNanos: () => BigInt(Math.round(now)) * 1_000_000n,
    sleep: (duration) =>
      Effect.suspend(() => {
        const millis = Duration.toMillis(duration)
        sleeps.push(millis)
        now += millis
        return millis > maxDelayMillis ? Effect.never : Effect.void
      })
  })
  return { clock, sleeps }
}

const answering = (...script: ReadonlyArray<ResponseInit>) => {
  let sent = 0
  return HttpClient.make((request) =>
    Effect.sync(() => HttpClientResponse.fromWeb(request, new Response(null, script[sent++] ?? { status: 200 })))
  )
}

const statuses = <E>(client: HttpClient.HttpClient.With<E>) =>
  Effect.map(Effect.replicateEffect(client.get("http://h.test/"), 2), (all) => all.map(({ status }) => status))

describe("a call that waits for longer than a timer can hold", () => {
  it("wakes at a gate", () => {
    const { clock, sleeps } = makeClock()
    const busy = answering({ status: 429, headers: { "retry-after": "2147483" } })
    const guarded = busy.pipe(HttpResilience.retryAfterGate({ max: maxDelayMillis, jitter: 1 }))
    const program = statuses(guarded).pipe(Effect.withRandom(Services.drawing(() => 0.5)), Effect.withClock(clock))
    assert.deepStrictEqual(Effect.runSync(program), [429, 200])
    assert.deepStrictEqual(sleeps, [maxDelayMillis, Math.ceil(2_147_483_000 * 1.5) - maxDelayMillis])
  })

  it("wakes at an open circuit", () => {
    const { clock, sleeps } = makeClock()
    const guarded = answering({ status: 503 }).pipe(
      HttpResilience.circuitBreaker({
        trip: Tripping.consecutive(1),
        openFor: Schedule.spaced("60 days"),
        onOpen: "wait"
      })
    )
    const program = statuses(guarded).pipe(Effect.withRandom(Services.drawing(() => 0.5)), Effect.withClock(clock))
    assert.deepStrictEqual(Effect.runSync(program), [503, 200])
    assert.isAbove(sleeps.reduce((sum, millis) => sum + millis, 0), Duration.toMillis("60 days") - 1)
  })

  it("is made, if its deadline is that far away", () => {
    const client = ResilientHttpClient.make({})(answering())
    const program = Deadline.locally(client.get("http://h.test/"), 1e13)
    return Effect.runPromise(program).then(({ status }) => assert.strictEqual(status, 200))
  })
})

import { HttpClient, HttpClientError, HttpClientResponse } from "@effect/platform"
import { assert, describe, it } from "@effect/vitest"
import type { HttpFailure } from "@reprise/http/HttpFailure"
import * as HttpResilience from "@reprise/http/HttpResilience"
import * as HttpRetry from "@reprise/http/HttpRetry"
import { Duration, Effect, Fiber, Option, TestClock } from "effect"
import * as Backoff from "reprise/Backoff"
import * as Retry from "reprise/Retry"
import { expectTypeOf } from "vitest"

declare const call: Effect.Effect<number, HttpFailure | HttpResilience.Rejection>

// Type-checked, never called: the effect is only declared.
const types = (checks: () => void) => void checks

describe("the rejections of a client", () => {
  it("are hints, so that a policy of this package goes around a call that is protected by hand", () => {
    expectTypeOf<HttpResilience.Rejection>().toExtend<Retry.Hint>()
    types(() => expectTypeOf(Retry.retry(call, HttpRetry.exponential())).toEqualTypeOf<typeof call>())
  })

  it.effect("end a policy that filters by `retryable`, and tell one that honours hints alone when the gate opens", () =>
    Effect.gen(function*() {
      let requests = 0
      const busy = HttpClient.make((request) =>
        Effect.sync(() =>
          HttpClientResponse.fromWeb(
            request,
            new Response(null, ++requests === 1 ? { status: 429, headers: { "Retry-After": "7" } } : { status: 200 })
          )
        )
      )
      const client = busy.pipe(HttpResilience.retryAfterGate({ onClosed: "reject" }))
      const get = client.get("http://example.com/a").pipe(
        Effect.catchIf(HttpClientError.isHttpClientError, Effect.die)
      )
      yield* get
      const error = yield* Effect.flip(get)
      assert.deepStrictEqual([error.retryable, error.retryAfter], [false, Option.some(Duration.seconds(7))])
      assert.strictEqual((yield* Effect.flip(Retry.retry(get, HttpRetry.exponential())))._tag, "GateClosed")
      const policy = Backoff.exponential("1 second").pipe(Backoff.attempts(2), Retry.honorHint({ jitter: 0 }))
      const patient = yield* Effect.fork(Retry.retry(get, policy))
      yield* TestClock.adjust("7 seconds")
      assert.strictEqual((yield* Fiber.join(patient)).status, 200)
    }))
})

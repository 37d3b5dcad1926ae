import type * as HttpClientResponse from "@effect/platform/HttpClientResponse"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Runtime from "effect/Runtime"
import * as Stream from "effect/Stream"
import * as Timeout from "reprise/Timeout"
import * as clock from "../clock.js"

type Response = HttpClientResponse.HttpClientResponse

/** @internal */
export interface Limits {
  readonly maxBytes: number
  readonly maxMillis: number
}

/** @internal */
export const defaults: Limits = { maxBytes: 65_536, maxMillis: 200 }

/**
 * Releases a failed response. It reads the response to its end, so that the connection can be reused, or aborts it
 * beyond the limits.
 *
 * Unread bodies block a small pool. Endless bodies block their reader.
 *
 * @internal
 */
export const drain = (
  response: Response,
  limits: Limits,
  deadlineMillis: number
): Effect.Effect<void> =>
  Effect.flatMap(clock.currentMonotonicMillis, (nowMillis) => {
    let bytes = 0
    const maxMillis = Math.min(limits.maxMillis, deadlineMillis - nowMillis)
    const tooLong = Number(response.headers["content-length"]) > limits.maxBytes
    const read = Stream.runForEachWhile(response.stream, (chunk) =>
      Effect.sync(() => {
        bytes += chunk.byteLength
        return !tooLong && bytes <= limits.maxBytes
      }))
    return read.pipe(
      Timeout.timeoutFail({ duration: Math.max(maxMillis, 1), onTimeout: () => undefined }),
      // The discarded response may break on the way. Only the next request matters.
      Effect.catchAllCause(() => Effect.void)
    )
  })

/**
 * Releases a response at once, and its connection too if a part of its body has not arrived. The only way to abort
 * every kind of response is to read its body and interrupt that.
 *
 * @internal
 */
export const abort = (response: Response): Effect.Effect<void> =>
  Effect.flatMap(Effect.runtime<never>(), (runtime) => {
    const read = Effect.exit(Stream.runForEachWhile(response.stream, () => Effect.succeed(false)))
    // It runs until its first wait before it is interrupted: the body is open then.
    const reading = Runtime.runFork(runtime, Effect.interruptible(read))
    return Effect.asVoid(Fiber.interrupt(reading))
  })

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
 * Lets go of a failed response: reads it to its end, so that the connection can be used again, or aborts it where that
 * would take more than the limits. Unread bodies wedge a small pool; endless ones hang whoever reads them to the end.
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
      // What is being thrown away may break on the way; only the request that follows matters.
      Effect.catchAllCause(() => Effect.void)
    )
  })

/**
 * Releases a response at once, and with it its connection if not all of its body has arrived. To read a body, and to be
 * interrupted, is the one way to abort it that every response has.
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

import type * as HttpClientResponse from "@effect/platform/HttpClientResponse"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import * as Timeout from "reprise/Timeout"
import * as clock from "./clock.js"

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
  response: HttpClientResponse.HttpClientResponse,
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

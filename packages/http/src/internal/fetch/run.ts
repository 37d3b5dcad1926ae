import * as HttpClientError from "@effect/platform/HttpClientError"
import type * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import * as Predicate from "effect/Predicate"
import * as Runtime from "effect/Runtime"
import * as HttpClassifier from "../classify/classifier.js"
import * as clock from "../clock.js"
import type { Call } from "./call.js"
import * as responses from "./response.js"

/**
 * Runs a call as a promise that rejects as that of `fetch` does. The signal ends the call, and the body of its
 * response.
 *
 * @internal
 */
export const run = <R>(
  runtime: Runtime.Runtime<R>,
  call: Call,
  answer: Effect.Effect<Response, unknown, R>
): Promise<Response> =>
  new Promise((resolve, reject) => {
    const { signal } = call
    const fail = (error: unknown) => {
      reject(error)
      cancel(call.body ?? call.given?.body, error)
    }
    if (signal?.aborted === true) return fail(signal.reason)
    // The failure is the caller's, so the fiber must not log it.
    const fiber = Runtime.runFork(runtime, Effect.exit(answer))
    const onAbort = () => {
      fail(signal?.reason)
      fiber.unsafeInterruptAsFork(fiber.id())
    }
    signal?.addEventListener("abort", onAbort, { once: true })
    fiber.addObserver((exit) => {
      signal?.removeEventListener("abort", onAbort)
      const ended = Exit.isSuccess(exit) ? exit.value : Exit.failCause(exit.cause)
      if (Exit.isFailure(ended)) return fail(Cause.squash(ended.cause))
      if (signal === undefined) return resolve(ended.value)
      if (signal.aborted) return cancel(ended.value.body, signal.reason)
      resolve(responses.abortable(ended.value, signal))
    })
  })

/** Cancels the body of a request, as fetch does when it gives up. fetch itself cancels a body that it reads. */
const cancel = (body: unknown, reason: unknown): void => {
  if (body instanceof ReadableStream && !body.locked) body.cancel(reason).catch(() => {})
}

/**
 * The `TypeError` for a call without a response, or for a body that broke. Its cause is the typed failure.
 *
 * A network failure has the message of Node's fetch, by which programs detect such an error. Other failures have their
 * own messages.
 *
 * @internal
 */
export const fail = (
  error: unknown,
  request: HttpClientRequest.HttpClientRequest,
  words: "fetch failed" | "terminated" = "fetch failed"
): Effect.Effect<never, TypeError> =>
  Effect.flatMap(clock.currentWallMillis, (nowMillis) => {
    const failure = Option.getOrUndefined(HttpClassifier.classify(error, { request, nowMillis }))
    if (failure !== undefined && failure._tag !== "InvalidRequest") {
      return Effect.fail(new TypeError(words, { cause: failure }))
    }
    const cause = failure ?? (HttpClientError.isHttpClientError(error) ? error.cause : error)
    const message = Predicate.hasProperty(cause, "message") ? String(cause.message) : String(cause)
    return Effect.fail(new TypeError(message, { cause }))
  })

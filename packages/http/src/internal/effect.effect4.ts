import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import type * as HttpClient from "effect/http/HttpClient"
import type * as HttpClientRequest from "effect/http/HttpClientRequest"
import type * as HttpClientResponse from "effect/http/HttpClientResponse"
import type * as HttpServerResponse from "effect/http/HttpServerResponse"
import * as Option from "effect/Option"
import * as Pulls from "effect/Pull"
import * as Schedule from "effect/Schedule"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type { FailedAttempt } from "./attempt/failedAttempt.js"
import type { HttpFailure } from "./classify/failure.js"

// The parts that differ between Effect 3 and Effect 4: clients, streams, schedules and fibers of a server.

/**
 * Sends the request with `f` between the client and its transport, as `HttpClient.transform` does, which makes a client
 * for it.
 *
 * @internal
 */
export const sendWith = <E, R>(
  client: HttpClient.HttpClient.With<E, R>,
  f: Between<E, R>
) =>
(request: HttpClientRequest.HttpClientRequest): Sent<E, R> =>
  Effect.flatMap(client.preprocess(request), (prepared) => f(client.postprocess(Effect.succeed(prepared)), prepared))

type Sent<E, R> = Effect.Effect<HttpClientResponse.HttpClientResponse, E, R>

type Between<E, R> = (sent: Sent<E, R>, prepared: HttpClientRequest.HttpClientRequest) => Sent<E, R>

type Chunk = readonly [Uint8Array, ...ReadonlyArray<Uint8Array>]

/**
 * Gets the next elements of a stream, or `undefined` at its end.
 *
 * @internal
 */
export type Pull<E> = Effect.Effect<Chunk | undefined, E>

/** @internal */
export const pull = <E>(stream: Stream.Stream<Uint8Array, E>): Effect.Effect<Pull<E>, never, Scope.Scope> =>
  Effect.map(Stream.toPull(stream), (pull) => Pulls.catchDone(pull, () => Effect.succeed(undefined)))

/**
 * The elements that have not been pulled yet.
 *
 * @internal
 */
export const unpulled = <E>(pull: Pull<E>): Stream.Stream<Uint8Array, E> =>
  Stream.fromPull(
    Effect.succeed(Effect.flatMap(pull, (chunk) => chunk === undefined ? Cause.done() : Effect.succeed(chunk)))
  )

/**
 * A hedge counts as an attempt: it takes a step of the schedule too.
 *
 * @internal
 */
export const counted = <B, E, R>(
  schedule: Schedule.Schedule<B, HttpFailure, E, R>
): Schedule.Schedule<B, FailedAttempt, E, R> =>
  Schedule.fromStep(Effect.map(Schedule.toStep(schedule), (next) => (now: number, failed: FailedAttempt) => {
    // `refuse` has rejected every attempt that is not an HttpFailure before the schedule decides.
    const failure = Option.getOrThrow(failed.failure)
    const step = (hedges: number): ReturnType<typeof next> =>
      hedges === 0 ? next(now, failure) : Effect.flatMap(next(now, failure), () => step(hedges - 1))
    return step(failed.hedges)
  }))

type Handler<E> = Fiber.Fiber<HttpServerResponse.HttpServerResponse, E>

type Ended<E> = Exit.Exit<HttpServerResponse.HttpServerResponse, E>

/**
 * Protects the rest of the fiber from interruption, up to the end of the interruptible part.
 *
 * @internal
 */
export const uninterruptibleRest: Effect.Effect<void> = Effect.withFiber((fiber) => {
  // A private field. Without it, a client that goes away may end the fiber while it sends the response.
  ;(fiber as { interruptible?: boolean }).interruptible = false
  return Effect.void
})

/** @internal */
export const interruptHandler = (handler: Handler<unknown>): void => handler.interruptUnsafe()

/**
 * Interrupts the handler for the same reason as its parent: the server finds a client that went away by its
 * annotations.
 *
 * @internal
 */
export const passOnTo = <E>(handler: Handler<E>, cause: Cause.Cause<unknown>): Effect.Effect<Ended<E>> =>
  Effect.suspend(() => {
    const reason = cause.reasons.find(Cause.isInterruptReason)
    handler.interruptUnsafe(reason?.fiberId, reason && Cause.reasonAnnotations(reason))
    return Fiber.await(handler)
  })

/**
 * Ends as the handler did.
 *
 * @internal
 */
export const endAs = <E>(_: Handler<E>, exit: Ended<E>): Effect.Effect<HttpServerResponse.HttpServerResponse, E> => exit

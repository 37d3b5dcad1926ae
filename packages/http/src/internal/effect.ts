import * as HttpClient from "@effect/platform/HttpClient"
import type * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import type * as HttpClientResponse from "@effect/platform/HttpClientResponse"
import type * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import * as Cause from "effect/Cause"
import * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as FiberId from "effect/FiberId"
import * as HashSet from "effect/HashSet"
import * as Option from "effect/Option"
import * as RuntimeFlags from "effect/RuntimeFlags"
import * as RuntimeFlagsPatch from "effect/RuntimeFlagsPatch"
import * as Schedule from "effect/Schedule"
import * as ScheduleDecision from "effect/ScheduleDecision"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type { FailedAttempt } from "./attempt/failedAttempt.js"
import type { HttpFailure } from "./classify/failure.js"

// The parts that differ between Effect 3 and Effect 4: clients, streams, schedules and fibers of a server.

/**
 * Sends the request with `f` between the client and its transport, as `HttpClient.transform` does.
 *
 * @internal
 */
export const sendWith = <E, R>(
  client: HttpClient.HttpClient.With<E, R>,
  f: Between<E, R>
): (request: HttpClientRequest.HttpClientRequest) => Sent<E, R> => HttpClient.transform(client, f).execute

type Sent<E, R> = Effect.Effect<HttpClientResponse.HttpClientResponse, E, R>

type Between<E, R> = (sent: Sent<E, R>, prepared: HttpClientRequest.HttpClientRequest) => Sent<E, R>

/**
 * Gets the next elements of a stream, or `undefined` at its end.
 *
 * @internal
 */
export type Pull<E> = Effect.Effect<Iterable<Uint8Array> | undefined, E>

/** @internal */
export const pull = <E>(stream: Stream.Stream<Uint8Array, E>): Effect.Effect<Pull<E>, never, Scope.Scope> =>
  Effect.map(
    Stream.toPull(stream),
    Effect.catchAll((end) => Option.match(end, { onNone: () => Effect.succeed(undefined), onSome: Effect.fail }))
  )

/**
 * The elements that have not been pulled yet.
 *
 * @internal
 */
export const unpulled = <E>(pull: Pull<E>): Stream.Stream<Uint8Array, E> =>
  Stream.repeatEffectChunkOption(
    Effect.matchEffect(pull, {
      onFailure: (error) => Effect.fail(Option.some(error)),
      onSuccess: (chunk) => chunk === undefined ? Effect.fail(Option.none()) : Effect.succeed(Chunk.fromIterable(chunk))
    })
  )

/**
 * A hedge counts as an attempt: it takes a step of the schedule too.
 *
 * @internal
 */
export const counted = <B, R>(schedule: Schedule.Schedule<B, HttpFailure, R>): Schedule.Schedule<B, FailedAttempt, R> =>
  Schedule.makeWithState(schedule.initial, (now, failed: FailedAttempt, state) => {
    // `refuse` has rejected every attempt that is not an HttpFailure before the schedule decides.
    const failure = Option.getOrThrow(failed.failure)
    const step = (hedges: number, state: unknown): ReturnType<typeof schedule.step> =>
      hedges === 0
        ? schedule.step(now, failure, state)
        : Effect.flatMap(schedule.step(now, failure, state), (stepped) =>
          ScheduleDecision.isDone(stepped[2]) ? Effect.succeed(stepped) : step(hedges - 1, stepped[0]))
    return step(failed.hedges, state)
  })

type Handler<E> = Fiber.RuntimeFiber<HttpServerResponse.HttpServerResponse, E>

type Ended<E> = Exit.Exit<HttpServerResponse.HttpServerResponse, E>

/**
 * Protects the rest of the fiber from interruption, up to the end of the interruptible part.
 *
 * @internal
 */
export const uninterruptibleRest: Effect.Effect<void> = Effect.patchRuntimeFlags(
  RuntimeFlagsPatch.disable(RuntimeFlags.Interruption)
)

/** @internal */
export const interruptHandler = (handler: Handler<unknown>): void => handler.unsafeInterruptAsFork(FiberId.none)

/**
 * Interrupts the handler for the same reason as its parent: the server finds a client that went away by the
 * interruptor.
 *
 * @internal
 */
export const passOnTo = <E>(handler: Handler<E>, cause: Cause.Cause<unknown>): Effect.Effect<Ended<E>> => {
  const [interruptor = FiberId.none] = HashSet.toValues(Cause.interruptors(cause))
  return Fiber.interruptAs(handler, interruptor)
}

/**
 * Ends as the handler did, with its changes: a middleware within sets headers for every response.
 *
 * @internal
 */
export const endAs = <E>(
  handler: Handler<E>,
  exit: Ended<E>
): Effect.Effect<HttpServerResponse.HttpServerResponse, E> => Effect.zipRight(handler.inheritAll, exit)

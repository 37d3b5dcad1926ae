import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Pulls from "effect/Pull"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"

type Chunk = readonly [Uint8Array, ...ReadonlyArray<Uint8Array>]

/**
 * Gets the next elements of a stream, or `undefined` at its end.
 *
 * @internal
 */
export type Pull<E> = Effect.Effect<Chunk | undefined, E>

/** @internal */
export const make = <E>(stream: Stream.Stream<Uint8Array, E>): Effect.Effect<Pull<E>, never, Scope.Scope> =>
  Effect.map(Stream.toPull(stream), (pull) => Pulls.catchDone(pull, () => Effect.succeed(undefined)))

/**
 * The elements that have not been pulled yet.
 *
 * @internal
 */
export const rest = <E>(pull: Pull<E>): Stream.Stream<Uint8Array, E> =>
  Stream.fromPull(
    Effect.succeed(Effect.flatMap(pull, (chunk) => chunk === undefined ? Cause.done() : Effect.succeed(chunk)))
  )

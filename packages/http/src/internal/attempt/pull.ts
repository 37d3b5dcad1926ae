import * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"

/**
 * Gets the next elements of a stream, or `undefined` at its end.
 *
 * @internal
 */
export type Pull<E> = Effect.Effect<Iterable<Uint8Array> | undefined, E>

/** @internal */
export const make = <E>(stream: Stream.Stream<Uint8Array, E>): Effect.Effect<Pull<E>, never, Scope.Scope> =>
  Effect.map(
    Stream.toPull(stream),
    Effect.catchAll((end) => Option.match(end, { onNone: () => Effect.succeed(undefined), onSome: Effect.fail }))
  )

/**
 * The elements that have not been pulled yet.
 *
 * @internal
 */
export const rest = <E>(pull: Pull<E>): Stream.Stream<Uint8Array, E> =>
  Stream.repeatEffectChunkOption(
    Effect.matchEffect(pull, {
      onFailure: (error) => Effect.fail(Option.some(error)),
      onSuccess: (chunk) => chunk === undefined ? Effect.fail(Option.none()) : Effect.succeed(Chunk.fromIterable(chunk))
    })
  )

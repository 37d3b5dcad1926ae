import * as Effect from "effect/Effect"

/**
 * A variable that its owner reads and changes within one step, and that others read as an effect.
 *
 * @internal
 */
export class LocalRef<in out A> {
  readonly get: Effect.Effect<A> = Effect.sync(() => this.current)

  constructor(public current: A) {}
}

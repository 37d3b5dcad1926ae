import type * as Effect from "effect/Effect"
import * as Ref from "effect/Ref"

/**
 * A `Ref` whose owner may read and change it within one step: `Ref.get` is an operation of its own.
 *
 * @internal
 */
export class LocalRef<in out A> {
  private readonly ref: Ref.Ref<A>

  constructor(initial: A) {
    this.ref = Ref.makeUnsafe(initial)
  }

  get current(): A {
    return this.ref.ref.current
  }

  set current(value: A) {
    this.ref.ref.current = value
  }

  get get(): Effect.Effect<A> {
    return Ref.get(this.ref)
  }
}

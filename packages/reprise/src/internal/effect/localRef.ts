import * as Effect from "effect/Effect"
import * as Effectable from "effect/Effectable"
import { identity } from "effect/Function"
import * as Readable from "effect/Readable"
import * as Ref from "effect/Ref"
import type * as Types from "effect/Types"

const variance = { _A: identity }

/**
 * A `Ref` whose owner may read and change it within one step: `Ref.get` is an operation of its own. It uses the public
 * interface of `Ref` alone.
 *
 * @internal
 */
export class LocalRef<in out A> extends Effectable.Class<A> implements Ref.Ref<A> {
  constructor(public current: A) {
    super()
  }

  get [Ref.RefTypeId](): { readonly _A: Types.Invariant<A> } {
    return variance
  }

  get [Readable.TypeId](): Readable.TypeId {
    return Readable.TypeId
  }

  get get(): Effect.Effect<A> {
    return Effect.sync(() => this.current)
  }

  modify<B>(f: (a: A) => readonly [B, A]): Effect.Effect<B> {
    return Effect.sync(() => {
      const [result, next] = f(this.current)
      this.current = next
      return result
    })
  }

  commit(): Effect.Effect<A> {
    return this.get
  }
}

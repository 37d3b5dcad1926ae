import * as Clock from "effect/Clock"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Ref from "effect/Ref"

export class NaiveOpen extends Data.TaggedError("NaiveOpen")<{ readonly untilMillis: number }> {}

type Protect = <A, E, R>(self: Effect.Effect<A, E, R>) => Effect.Effect<A, E | NaiveOpen, R>

const closed = { failures: 0, untilMillis: 0 }

/** The circuit breaker that one writes first: a `Ref`, generators and `onExit`. */
export const make = (limit: number, openMillis: number): Effect.Effect<Protect> =>
  Effect.map(Ref.make(closed), (ref): Protect => {
    const settle = (exit: Exit.Exit<unknown, unknown>) =>
      Effect.gen(function*() {
        if (Exit.isSuccess(exit)) return yield* Ref.set(ref, closed)
        const now = yield* Clock.currentTimeMillis
        yield* Ref.update(ref, ({ failures, untilMillis }) => ({
          failures: failures + 1,
          untilMillis: failures + 1 >= limit ? now + openMillis : untilMillis
        }))
      })
    return (self) =>
      Effect.gen(function*() {
        const now = yield* Clock.currentTimeMillis
        const { untilMillis } = yield* Ref.get(ref)
        if (now < untilMillis) return yield* new NaiveOpen({ untilMillis })
        return yield* Effect.onExit(self, settle)
      })
  })

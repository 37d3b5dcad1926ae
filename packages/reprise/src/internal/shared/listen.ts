import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Stream from "effect/Stream"
import { asStoreError, broken, type Link } from "./link.js"

/** When a stream that has ended is listened to again: after a second, and each time twice as late. */
const firstMillis = 1_000
const maxMillis = 60_000

/**
 * Listens to what a store tells, for ever: a stream that ends, dies or is none is listened to again, and a change that is none
 * is left out.
 *
 * @internal
 */
export const listen = <A>(
  link: Link,
  changes: () => Stream.Stream<A>,
  check: (change: unknown) => A,
  onChange: (change: A) => Effect.Effect<void>,
  onEnd: Effect.Effect<void>
): Effect.Effect<never> => {
  const checked = (change: A): Effect.Effect<void> =>
    Effect.matchEffect(Effect.try({ try: () => check(change), catch: asStoreError }), {
      onSuccess: onChange,
      onFailure: ({ message }) =>
        link.keyLines.write(Effect.logWarning, `${link.what}: a change is left out. ${message}`)
    })
  const from = (millis: number): Effect.Effect<never> =>
    Effect.exit(Effect.suspend(() => Stream.runForEach(changes(), checked))).pipe(
      Effect.flatMap((exit) =>
        Exit.isSuccess(exit)
          ? Effect.void
          : link.lines.write(
            Effect.logWarning,
            `${link.what}: the changes are heard late. ${broken(exit.cause).message}`
          )
      ),
      Effect.zipRight(onEnd),
      Effect.zipRight(Effect.sleep(millis)),
      Effect.flatMap(() => from(Math.min(millis * 2, maxMillis)))
    )
  return from(firstMillis)
}

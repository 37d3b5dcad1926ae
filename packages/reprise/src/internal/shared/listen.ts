import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Stream from "effect/Stream"
import { asStoreError, broken, type Link } from "./link.js"

/** The wait before a new subscription after a stream has ended. It doubles each time. */
const firstMillis = 1_000
const maxMillis = 60_000

/**
 * Subscribes to a store for ever. It subscribes again if the stream ends, dies or is not a stream, and ignores invalid
 * changes.
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
            `${link.what}: the changes arrive late. ${broken(exit.cause).message}`
          )
      ),
      Effect.zipRight(onEnd),
      Effect.zipRight(Effect.sleep(millis)),
      Effect.flatMap(() => from(Math.min(millis * 2, maxMillis)))
    )
  return from(firstMillis)
}

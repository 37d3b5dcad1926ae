import { Duration, Effect, Either, Option, Schedule } from "effect"
import type * as Redis from "../../src/Redis.js"

/** How long the effect takes by the real clock, and its error, if it fails. */
export const timed = <A, E>(effect: Effect.Effect<A, E>) =>
  Effect.map(
    Effect.timed(Effect.either(effect)),
    ([duration, either]) => ({
      millis: Duration.toMillis(duration),
      error: Option.getOrUndefined(Either.getLeft(either))
    })
  )

/** Waits until there is a connection again, which takes less than 5 seconds. */
export const back = (redis: Redis.Service) =>
  Effect.orDie(Effect.retry(redis.ping, Schedule.spaced("5 millis").pipe(Schedule.upTo("5 seconds"))))

const resources = () => process.getActiveResourcesInfo().filter((name) => /TCP|TLS|Timeout|Connect/.test(name))

/** Those of now that were not there before. */
const added = (before: ReadonlyArray<string>): ReadonlyArray<string> => {
  const rest = [...before]
  return resources().filter((name) => {
    const index = rest.indexOf(name)
    if (index >= 0) rest.splice(index, 1)
    return index < 0
  })
}

/** Returns a check that every socket and timer that began since is gone, within moments. */
export const watchResources = Effect.sync(() => {
  const before = resources()
  // Without a timer: it would be one of those that are looked for.
  return Effect.promise(async () => {
    const start = process.hrtime.bigint()
    while (added(before).length > 0 && process.hrtime.bigint() - start < 1_000_000_000n) {
      await new Promise(setImmediate)
    }
    return added(before)
  })
})

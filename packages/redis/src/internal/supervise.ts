import * as Clock from "effect/Clock"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Random from "effect/Random"
import type { RedisError } from "../Redis.js"
import { bounded, type Connection, type Driver, open, send } from "./connection.js"
import * as failure from "./failure.js"
import type { Target } from "./settings.js"

/** @internal */
export interface Supervised {
  /** The purpose of the connection, in words for a person. */
  readonly name: string
  /** Makes the connection ready for use. */
  readonly prepare: (connection: Connection) => Effect.Effect<unknown, RedisError>
  /** Runs until the connection is lost. */
  readonly use: (connection: Connection) => Effect.Effect<never, RedisError>
  /** Runs after each connection that was lost or failed. If it fails, the supervision ends. */
  readonly onDown: (error: RedisError) => Effect.Effect<void, RedisError>
}

/**
 * The time between two tests of a connection. A connection can be silent for days, and callers need the result sooner.
 */
const heartbeatMillis = 5_000

/**
 * Fails when the connection is lost.
 *
 * @internal
 */
export const alive = (self: Connection): Effect.Effect<never, RedisError> =>
  Effect.raceFirst(
    Deferred.await(self.lost),
    // Any answer is good. Without an answer, the connection is lost.
    Effect.forever(Effect.delay(Effect.ignore(bounded(self, send(self, ["PING"]))), heartbeatMillis))
  )

/**
 * Short enough to find Redis within a second of its return, and spread so that the processes do not connect at once.
 */
const wait = (failures: number): Effect.Effect<void> =>
  Effect.flatMap(Random.next, (chance) => Effect.sleep(chance * Math.min(50 * 2 ** failures, 750)))

/** After a connection that lived this long, the next attempt has no delay. */
const goodNanos = 1_000_000_000n

/**
 * Connects, and reconnects after each loss, without a limit. Logs a line for each change of state.
 *
 * @internal
 */
export const supervise = (driver: Driver, where: () => Target, self: Supervised): Effect.Effect<never, RedisError> =>
  Effect.gen(function*() {
    let failures = 0
    let isUp: boolean | undefined = undefined
    const attempt = Effect.suspend(() => {
      const target = where()
      return open(driver, target, self.prepare).pipe(
        Effect.tap(() => {
          isUp = true
          return Effect.logInfo(`Redis at ${target.server}: ${self.name} established`)
        }),
        Effect.flatMap(self.use),
        Effect.scoped,
        // A defect of a client library must not end the supervision.
        Effect.catchAllDefect((defect) => Effect.fail(failure.ofSocket(target, defect))),
        Effect.flip
      )
    })
    while (true) {
      const since = yield* Clock.currentTimeNanos
      const error = yield* attempt
      yield* self.onDown(error)
      if (isUp !== false) yield* Effect.logWarning(`${error.message}; no ${self.name} until it is back`)
      isUp = false
      if ((yield* Clock.currentTimeNanos) - since >= goodNanos) failures = 0
      yield* wait(failures++)
    }
  })

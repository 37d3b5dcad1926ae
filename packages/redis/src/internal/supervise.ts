import * as Clock from "effect/Clock"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import * as Backoff from "reprise/Backoff"
import type { RedisError } from "../Redis.js"
import { bounded, type Connection, type Driver, open, send } from "./connection.js"
import * as failure from "./failure.js"
import type { Target } from "./settings.js"

/** @internal */
export interface Supervised {
  /** What is lost with the connection, as a person would call it. */
  readonly name: string
  /** What makes the connection one that can be used. */
  readonly prepare: (connection: Connection) => Effect.Effect<unknown, RedisError>
  /** Runs while the connection is there, until it is lost. */
  readonly use: (connection: Connection) => Effect.Effect<never, RedisError>
  /** Told of every connection that was lost or not made; where it fails, there is no other one. */
  readonly onDown: (error: RedisError) => Effect.Effect<void, RedisError>
}

/** How often a connection is tested: nothing need come over it for days, and callers may wait for less time than it takes to know. */
const heartbeatMillis = 5_000

/**
 * Fails when the connection is lost.
 *
 * @internal
 */
export const alive = (self: Connection): Effect.Effect<never, RedisError> =>
  Effect.raceFirst(
    Deferred.await(self.lost),
    // Whatever is answered is an answer; where none comes, the connection is given up.
    Effect.forever(Effect.delay(Effect.ignore(bounded(self, send(self, ["PING"]))), heartbeatMillis))
  )

/** So short that whoever waits for Redis has it a second after it is back, and so spread that not all come at once. */
const waits = Backoff.exponential("50 millis").pipe(Backoff.capped("750 millis"), Backoff.fullJitter)

/** A connection that lived this long was a good one, and the next one is tried without delay. */
const goodNanos = 1_000_000_000n

/**
 * Connects, and connects again whenever the connection is lost, for ever. Writes a line where the state changes.
 *
 * @internal
 */
export const supervise = (driver: Driver, where: () => Target, self: Supervised): Effect.Effect<never, RedisError> =>
  Effect.gen(function*() {
    const delays = yield* Schedule.driver(waits)
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
      if ((yield* Clock.currentTimeNanos) - since >= goodNanos) yield* delays.reset
      yield* Effect.ignore(delays.next(undefined))
    }
  })

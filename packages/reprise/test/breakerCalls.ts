/**
 * Breakers and calls through them, for tests on a `TestClock`.
 */
import { Cause, Deferred, Duration, Effect, Exit, Fiber, Option, Schedule, TestClock } from "effect"
import * as CircuitBreaker from "reprise/CircuitBreaker"
import * as Tripping from "reprise/Tripping"

export type Breaker = CircuitBreaker.CircuitBreaker
export type Options = CircuitBreaker.Options

/** Opens with the first failure, for a second. */
export const make = (options: Partial<Options> = {}) =>
  CircuitBreaker.make({ trip: Tripping.consecutive(1), openFor: Schedule.spaced("1 second"), ...options })

/** Open, and its time is over. */
export const ripe = (options: Partial<Options> = {}) =>
  Effect.tap(make(options), (breaker) => CircuitBreaker.trip(breaker, { openFor: 0 }))

const said = (exit: Exit.Exit<string, unknown>): string => {
  if (Exit.isSuccess(exit)) return exit.value
  if (Cause.isInterruptedOnly(exit.cause)) return "interrupted"
  const error = Cause.failureOption(exit.cause)
  if (Option.isNone(error)) return `defect ${Cause.squash(exit.cause)}`
  return error.value instanceof CircuitBreaker.CircuitOpen ? "rejected" : String(error.value)
}

/** What the caller sees. */
export const call = (breaker: Breaker, effect: Effect.Effect<string, unknown> = Effect.succeed("ok")) =>
  Effect.map(Effect.exit(CircuitBreaker.protect(effect, breaker)), said)

export const down = Effect.fail("down")
export const fail = (breaker: Breaker) => call(breaker, down)
export const succeed = (breaker: Breaker) => call(breaker)
export const times = <A, E>(n: number, effect: Effect.Effect<A, E>) => Effect.replicateEffect(effect, n)

export const rejection = (breaker: Breaker) =>
  Effect.succeed("ok").pipe(
    CircuitBreaker.protect(breaker),
    Effect.flip,
    Effect.catchAll((result) => Effect.die(new Error(`admitted: ${result}`)))
  )

/** Infinity, if nobody can say. */
export const millisOf = Option.match({ onNone: () => Infinity, onSome: Duration.toMillis })

export const retryAfter = (breaker: Breaker) => Effect.map(rejection(breaker), ({ retryAfter }) => millisOf(retryAfter))

export const counts = (breaker: Breaker) =>
  Effect.map(CircuitBreaker.snapshot(breaker), ({ calls, failures, slow }) => [calls, failures, slow])

export interface Running {
  readonly fiber: Fiber.Fiber<string, unknown>
  /** Ends it, and gives what the caller sees. */
  readonly end: (exit: Exit.Exit<string, string>) => Effect.Effect<string>
}

/** A call that runs until it is told how to end. */
export const begin = (breaker: Breaker): Effect.Effect<Running> =>
  Effect.gen(function*() {
    const started = yield* Deferred.make<void>()
    const gate = yield* Deferred.make<string, string>()
    const fiber = yield* Effect.zipRight(Deferred.succeed(started, undefined), Deferred.await(gate)).pipe(
      CircuitBreaker.protect(breaker),
      Effect.forkDaemon
    )
    yield* Effect.raceFirst(Deferred.await(started), Fiber.await(fiber))
    return {
      fiber,
      end: (exit: Exit.Exit<string, string>) =>
        Effect.zipRight(Deferred.done(gate, exit), Effect.map(Fiber.await(fiber), said))
    }
  })

/** A call that may have to wait until it is admitted. */
export const queue = (breaker: Breaker, effect: Effect.Effect<string, unknown> = Effect.succeed("ok")) =>
  Effect.tap(Effect.forkDaemon(call(breaker, effect)), TestClock.adjust(0))

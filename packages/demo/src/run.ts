/** Drives one contender through all the calls, against an API that has forgotten the others. */
import * as Cause from "effect/Cause"
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import * as Predicate from "effect/Predicate"
import * as Random from "effect/Random"
import type { Api, ApiDied } from "./api/child.js"
import type { Report } from "./api/server.js"
import * as Calls from "./calls.js"
import type { Contender } from "./contenders.js"
import { now } from "./now.js"
import * as Wire from "./wire.js"

export interface CallResult {
  readonly call: Calls.Call
  readonly succeeded: boolean
  /** Whether it was an open circuit that ended it. */
  readonly turnedAway: boolean
  readonly startMillis: number
  readonly millis: number
}

export interface Run {
  readonly contender: Contender
  readonly results: ReadonlyArray<CallResult>
  readonly attempts: ReadonlyArray<Wire.Attempt>
  /** When the circuit breaker opened, in epoch milliseconds. */
  readonly openings: ReadonlyArray<number>
  readonly report: Report
}

export interface Options {
  readonly seed: string
  readonly total: number
  readonly api: Api
  /** Told after every call. */
  readonly onProgress: (done: number, phase: Calls.Phase) => void
}

const inFlight = 32
const crashMillis = 300
const restartMillis = 700

export const run = (contender: Contender, options: Options): Effect.Effect<Run, ApiDied> =>
  Effect.scoped(Effect.gen(function*() {
    const { api } = options
    yield* api.tell("fresh")
    const wire = yield* Wire.make(api.ca)
    const { openings, send } = contender.connect(wire.dispatcher)
    const results: Array<CallResult> = []

    const drive = (call: Calls.Call) => {
      const origin = call.phase === "expired certificate" ? api.expiredUrl.replace("127.0.0.1", "localhost") : api.url
      const startMillis = now()
      return send(call, origin).pipe(
        // Every call has dice of its own: the same delays whatever else is in flight.
        Effect.withRandom(Random.make(`${options.seed}/${call.order}`)),
        Effect.exit,
        Effect.timed,
        Effect.map(([duration, exit]) => {
          results.push({
            call,
            succeeded: Exit.isSuccess(exit),
            turnedAway: isTurnedAway(exit),
            startMillis,
            millis: Duration.toMillis(duration)
          })
          options.onProgress(results.length, call.phase)
        })
      )
    }

    const calls = Calls.make(options.total)
    const driveAll = (some: ReadonlyArray<Calls.Call>) =>
      Effect.forEach(some, drive, { concurrency: inFlight, discard: true })
    const begin = calls.findIndex((call) => call.phase === "outage")
    const end = begin + calls.filter((call) => call.phase === "outage").length
    yield* Effect.all([
      driveAll(calls.slice(0, begin)),
      outage(api, driveAll(calls.slice(begin, end))),
      driveAll(calls.slice(end))
    ])

    yield* Effect.sleep(Wire.keepAliveMillis * 5)
    const report = yield* api.report
    return { contender, results, attempts: wire.attempts, openings, report }
  }))

/** A drop-in client fails with a `RequestError` whose cause is the `CircuitOpen`. */
const isTurnedAway = (exit: Exit.Exit<unknown, unknown>): boolean =>
  Exit.isFailure(exit) && Option.exists(
    Cause.failureOption(exit.cause),
    (error) => Predicate.hasProperty(error, "cause") && Predicate.isTagged(error.cause, "CircuitOpen")
  )

/** Nobody listens when the first call is made. Then a gateway does, and a moment later there is a service behind it. */
const outage = <A>(api: Api, calls: Effect.Effect<A>): Effect.Effect<A, ApiDied> =>
  Effect.gen(function*() {
    yield* api.tell("crash")
    const up = yield* Deferred.make<void, ApiDied>()
    const restart = Effect.delay(api.tell("restart"), crashMillis)
    const recover = Effect.delay(api.tell("recover"), restartMillis)
    yield* Effect.fork(Deferred.complete(up, Effect.zipRight(restart, recover)))
    const result = yield* calls
    yield* Deferred.await(up)
    return result
  })

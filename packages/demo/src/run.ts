/** Drives one contender through all the calls, against an API that has forgotten the others. */
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Random from "effect/Random"
import type { Api, ApiDied } from "./api/child.js"
import type { Report } from "./api/server.js"
import * as Calls from "./calls.js"
import type { Contender } from "./contenders.js"
import * as Wire from "./wire.js"

export interface CallResult {
  readonly call: Calls.Call
  readonly succeeded: boolean
  readonly millis: number
}

export interface Run {
  readonly contender: Contender
  readonly results: ReadonlyArray<CallResult>
  readonly attempts: ReadonlyArray<Wire.Attempt>
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
const outageMillis = 400

export const run = (contender: Contender, options: Options): Effect.Effect<Run, ApiDied> =>
  Effect.scoped(Effect.gen(function*() {
    const { api } = options
    yield* api.tell("fresh")
    const wire = yield* Wire.make(api.ca)
    const send = contender.connect(wire.dispatcher)
    const results: Array<CallResult> = []

    const drive = (call: Calls.Call) => {
      const origin = call.phase === "expired certificate" ? api.expiredUrl.replace("127.0.0.1", "localhost") : api.url
      return send(call, origin).pipe(
        // Every call has dice of its own: the same delays whatever else is in flight.
        Effect.withRandom(Random.make(`${options.seed}/${call.order}`)),
        Effect.exit,
        Effect.timed,
        Effect.map(([duration, exit]) => {
          results.push({ call, succeeded: Exit.isSuccess(exit), millis: Duration.toMillis(duration) })
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
    return { contender, results, attempts: wire.attempts, report }
  }))

/** Nobody listens when the first call is made; somebody does again a moment later. */
const outage = <A>(api: Api, calls: Effect.Effect<A>): Effect.Effect<A, ApiDied> =>
  Effect.gen(function*() {
    yield* api.tell("stop")
    const up = yield* Deferred.make<void, ApiDied>()
    yield* Effect.fork(Deferred.complete(up, Effect.delay(api.tell("start"), outageMillis)))
    const result = yield* calls
    yield* Deferred.await(up)
    return result
  })

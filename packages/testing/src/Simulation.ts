/**
 * What retries, budgets and breakers of many clients do to one server that has an outage: in virtual time, with the real code.
 *
 * Every client runs a policy of its own, an `HttpClient` like any other, on Effect's runtime; only the clock, chance and the
 * server behind it are a model. So a minute of thousands of clients is a few seconds, and a seed says all of the result.
 *
 * @since 0.1.0
 */
import type * as HttpClient from "@effect/platform/HttpClient"
import type * as Duration from "effect/Duration"
import type * as Effect from "effect/Effect"
import type * as Option from "effect/Option"
import * as InvalidOption from "reprise/InvalidOption"
import * as internal from "./internal/simulation/run.js"

/**
 * @since 0.1.0
 * @category options
 */
export interface Options {
  /** How many clients call the server: at least 1. Each makes `load * capacity / clients` calls per second. */
  readonly clients: number
  /** How many requests per second the server serves, one after the other and each in the same time. */
  readonly capacity: number
  /** How many calls there are for each that could be served: 0.8 for a server that is busy 80 % of the time. */
  readonly load: number
  /** For how long calls are made, from second 0. */
  readonly duration: Duration.DurationInput
  /**
   * Makes one client out of one that only sends: called once for each of them, so that what is made in it (a breaker, a
   * budget) belongs to one client, and what is made outside of it to all. It may wait by the clock only: what waits for a
   * promise or a socket is left behind by the time of the simulation.
   */
  readonly policy: (server: HttpClient.HttpClient) => HttpClient.HttpClient.With<unknown>
  /** Defaults to none. */
  readonly outage?: {
    /** Requests are accepted and not served until the outage ends, or connections are refused at once. */
    readonly kind: "stall" | "refuse"
    /** When it begins. Policies need some time before it to learn what is normal. */
    readonly at: Duration.DurationInput
    /** How long it lasts; it has to end within the `duration` of the simulation. */
    readonly duration: Duration.DurationInput
  } | undefined
  readonly server?: {
    /** How many requests may wait for their turn; those beyond are answered with 503 at once. Defaults to no limit. */
    readonly queue?: number | undefined
    /**
     * What the server does with a request whose client has gone away. It serves the request in full, for nobody; it skips the
     * request when its turn comes; or it notices at once and removes the request. Defaults to `"serve"`: few servers look at the
     * connection before they are done.
     */
    readonly abandoned?: "serve" | "skip" | "remove" | undefined
  } | undefined
  /** Seeds all chance: who calls when, and the `Random` of the policies. Defaults to 0. */
  readonly seed?: number | undefined
}

/**
 * One second of the simulation. What becomes of a call is counted in the second in which it began.
 *
 * @since 0.1.0
 * @category models
 */
export interface Second {
  /** Since the start of the simulation. */
  readonly startMillis: number
  /** Calls that began: all that succeeded and all that failed. */
  readonly calls: number
  /** With a response below 400. */
  readonly succeeded: number
  readonly failed: number
  /** Of those that failed: nothing was sent for them, for the policy turned them away. */
  readonly rejected: number
  /** Requests that were sent, or would have been had they not been refused. */
  readonly attempts: number
  /** How many requests waited at the end of the second. */
  readonly queue: number
}

/**
 * @since 0.1.0
 * @category models
 */
export interface Summary {
  readonly calls: number
  readonly succeeded: number
  readonly failed: number
  readonly rejected: number
  readonly attempts: number
  /** Attempts for each call, during the outage and from its end on; 0 where there were no calls. */
  readonly amplification: { readonly during: number; readonly after: number }
  /**
   * How long after the end of the outage the first second began from which on, to the end of the simulation, at least 99 %
   * of the calls of every second succeeded: in whole seconds, and none where it never did.
   */
  readonly recovery: Option.Option<Duration.Duration>
  /** Requests that the server has served. */
  readonly services: number
  /** Of those: for clients that had gone away. */
  readonly wasted: number
  /** The most attempts in a second, for each request that could be served in it. */
  readonly peakLoad: number
  /** The most requests that waited at once. */
  readonly peakQueue: number
}

/**
 * @since 0.1.0
 * @category models
 */
export interface Result {
  readonly seconds: ReadonlyArray<Second>
  readonly summary: Summary
}

/**
 * Runs a simulation, and gives what happened as data: the same for the same options, and with the same calls at the same
 * times for every policy. Throws `InvalidOption` for an option out of range; a defect of a policy is one of the run.
 *
 * The server is a single queue, first in first out, with a fixed time of service; calls come at random (a Poisson process)
 * and each from a client at random. Calls that have not ended a minute after the last began are interrupted, and failed. The
 * time of the program does not pass meanwhile, but its other fibers go on, and an interruption ends the run.
 *
 * @example
 * ```ts
 * import * as ResilientHttpClient from "@reprise/http/ResilientHttpClient"
 * import * as Simulation from "@reprise/testing/Simulation"
 * import { Effect, Schedule } from "effect"
 *
 * const outage = { kind: "refuse", at: "2 seconds", duration: "2 seconds" } as const
 * const amplification = (policy: Simulation.Options["policy"]) =>
 *   Simulation.run({ clients: 5, capacity: 50, load: 0.8, duration: "6 seconds", outage, policy }).pipe(
 *     Effect.map(({ summary }) => Math.round(summary.amplification.during))
 *   )
 *
 * const program = Effect.all([
 *   amplification(ResilientHttpClient.make({ retry: Schedule.recurs(3) })),
 *   amplification((server) => ResilientHttpClient.make(ResilientHttpClient.standard())(server))
 * ])
 *
 * Effect.runPromise(program).then((result) => console.log(result.join(" "))) // => 4 1
 * ```
 *
 * @since 0.1.0
 * @category constructors
 */
export const run = (options: Options): Effect.Effect<Result> => internal.run(settings(options))

const settings = (options: Options): Parameters<typeof internal.run>[0] => {
  const durationMillis = InvalidOption.millis("duration", options.duration, { moreThan: 0 })
  const capacity = positive("capacity", options.capacity)
  return {
    clients: InvalidOption.integer("clients", options.clients, { min: 1 }),
    callsPerMilli: positive("load", options.load) * capacity / 1_000,
    durationMillis,
    server: {
      capacity,
      queue: queue(options.server?.queue),
      abandoned: options.server?.abandoned ?? "serve"
    },
    outage: outage(options.outage, durationMillis),
    policy: options.policy,
    seed: InvalidOption.integer("seed", options.seed ?? 0, { min: 0, max: 0xffff_ffff })
  }
}

const positive = (option: string, value: number): number => {
  if (Number.isFinite(value) && value > 0) return value
  throw new InvalidOption.InvalidOption({ option, value, expected: "a finite number > 0" })
}

const queue = (size: number | undefined): number =>
  size === undefined ? Infinity : InvalidOption.integer("server.queue", size, { min: 0 })

const outage = (options: Options["outage"], durationMillis: number) => {
  if (options === undefined) return { kind: "stall", startMillis: 0, endMillis: 0 } as const
  const startMillis = InvalidOption.millis("outage.at", options.at, { min: 0 })
  const endMillis = startMillis + InvalidOption.millis("outage.duration", options.duration, { moreThan: 0 })
  if (endMillis <= durationMillis) return { kind: options.kind, startMillis, endMillis }
  const expected = `an end within the ${durationMillis} ms of the simulation`
  throw new InvalidOption.InvalidOption({ option: "outage.duration", value: options.duration, expected })
}

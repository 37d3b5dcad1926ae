/**
 * Simulates many clients with retries, budgets and breakers, and one server with an outage, in virtual time.
 *
 * Every client runs the real code of its policy, an `HttpClient`, on Effect's runtime. Only the clock, the random
 * numbers and the server are a model. So a minute of thousands of clients takes a few seconds, and the same seed gives
 * the same result.
 *
 * @since 3.1.0
 */
import type * as HttpClient from "@effect/platform/HttpClient"
import type * as Duration from "effect/Duration"
import type * as Effect from "effect/Effect"
import type * as Option from "effect/Option"
import * as InvalidOption from "reprise/InvalidOption"
import * as internal from "./internal/simulation/run.js"

/**
 * @since 3.1.0
 * @category options
 */
export interface Options {
  /** The number of clients: at least 1. Each makes `load * capacity / clients` calls per second. */
  readonly clients: number
  /** The number of requests that the server serves per second. It serves one after the other, each in the same time. */
  readonly capacity: number
  /** The calls as a share of the capacity: 0.8 for a server that is busy 80 % of the time. */
  readonly load: number
  /** The time during which clients make calls, from second 0. */
  readonly duration: Duration.DurationInput
  /**
   * Makes one client out of an `HttpClient` that only sends. The simulation calls it once for each client.
   *
   * A breaker or a budget made inside it belongs to one client. One made outside of it belongs to all clients. A policy
   * may wait only on the `Clock`: the virtual time does not wait for a promise or a socket.
   */
  readonly policy: (server: HttpClient.HttpClient) => HttpClient.HttpClient.With<unknown>
  /** Defaults to none. */
  readonly outage?: {
    /**
     * `"stall"`: the server accepts requests and serves them after the outage. `"refuse"`: it refuses connections at
     * once.
     */
    readonly kind: "stall" | "refuse"
    /** The start of the outage. Policies need some time before it to learn the normal load. */
    readonly at: Duration.DurationInput
    /** The length of the outage. It must end within the `duration` of the simulation. */
    readonly duration: Duration.DurationInput
  } | undefined
  readonly server?: {
    /** The most requests in the queue. The server answers those beyond with 503 at once. Defaults to no limit. */
    readonly queue?: number | undefined
    /**
     * The server's treatment of a request whose client has gone away.
     *
     * `"serve"` serves it in full. `"skip"` skips it when its turn comes. `"remove"` removes it at once. Defaults to
     * `"serve"`, because few servers look at the connection before the end of the work.
     */
    readonly abandoned?: "serve" | "skip" | "remove" | undefined
  } | undefined
  /**
   * Seeds every random number: the times of the calls, their clients, and the `Random` of the policies. Defaults to 0.
   */
  readonly seed?: number | undefined
}

/**
 * One second of the simulation. The result of a call counts in the second in which the call began.
 *
 * @since 3.1.0
 * @category models
 */
export interface Second {
  /** Since the start of the simulation. */
  readonly startMillis: number
  /** Calls that began in this second. Each of them succeeded or failed. */
  readonly calls: number
  /** Calls with a response below 400. */
  readonly succeeded: number
  readonly failed: number
  /** Failed calls that the policy rejected without sending anything. */
  readonly rejected: number
  /** Requests that clients sent, including those that the server refused. */
  readonly attempts: number
  /** The requests in the queue at the end of the second. */
  readonly queue: number
}

/**
 * @since 3.1.0
 * @category models
 */
export interface Summary {
  readonly calls: number
  readonly succeeded: number
  readonly failed: number
  readonly rejected: number
  readonly attempts: number
  /** Attempts per call, during the outage and after it; 0 if there were no calls. */
  readonly amplification: { readonly during: number; readonly after: number }
  /**
   * The time from the end of the outage to the start of the recovery, in whole seconds.
   *
   * The recovery starts with the first second after which every second has at least 99 % successful calls. `None` if
   * there is no such second.
   */
  readonly recovery: Option.Option<Duration.Duration>
  /** Requests that the server has served. */
  readonly services: number
  /** Served requests whose client had gone away. */
  readonly wasted: number
  /** The most attempts in a second, as a multiple of the capacity. */
  readonly peakLoad: number
  /** The most requests in the queue at one time. */
  readonly peakQueue: number
}

/**
 * @since 3.1.0
 * @category models
 */
export interface Result {
  readonly seconds: ReadonlyArray<Second>
  readonly summary: Summary
}

/**
 * Runs a simulation and returns its results. The same options give the same results.
 *
 * 1. Every policy sees the same calls at the same times.
 * 2. The server has one queue, first in first out, with a fixed time of service.
 * 3. Calls come at random (a Poisson process), each from a random client.
 * 4. A minute after the last call began, the simulation interrupts the calls that still run. They count as failed.
 * 5. The clock of your program does not move meanwhile. Its other fibers continue, and an interruption ends the run.
 *
 * Throws `InvalidOption` for an option out of range. A defect of a policy is a defect of the run.
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
 * @since 3.1.0
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

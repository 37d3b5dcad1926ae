/**
 * Computes whether a service can do its work, from the states of its policies, for readiness endpoints and status
 * pages.
 *
 * @since 3.1.0
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import * as CircuitBreaker from "./CircuitBreaker.js"
import * as Deadline from "./Deadline.js"
import { integer } from "./InvalidOption.js"
import * as Telemetry from "./Telemetry.js"

/**
 * `pass`: all is well. `warn`: the service works, but a dependency does not. `fail`: the service cannot work.
 *
 * @since 3.1.0
 * @category models
 */
export type Status = "pass" | "warn" | "fail"

/**
 * The state of a policy or a budget. A circuit breaker has its own snapshot too, with its totals.
 *
 * @since 3.1.0
 * @category models
 */
export interface Component extends Telemetry.Snapshot {
  readonly circuit?: CircuitBreaker.Snapshot | undefined
}

/**
 * The health of one component, in the names of the Internet draft "Health Check Response Format for HTTP APIs".
 *
 * @since 3.1.0
 * @category models
 */
export interface Check extends Omit<Telemetry.Snapshot, "policy" | "key"> {
  readonly status: Status
  /** The kind of policy, such as `circuitBreaker`. */
  readonly componentType: string
  /** The key of the policy. */
  readonly componentId: string
  /**
   * Since the circuit breaker was made: calls that it let through, how many of them failed, and calls that it rejected.
   */
  readonly admitted?: number | undefined
  readonly failed?: number | undefined
  readonly rejected?: number | undefined
  /** The time for which the circuit was not closed since the breaker was made, in milliseconds. */
  readonly downMillis?: number | undefined
}

/**
 * The health of a service. It is JSON: the body of a response of the type `application/health+json`.
 *
 * @since 3.1.0
 * @category models
 */
export interface Health {
  /** The worst status of all components. */
  readonly status: Status
  /** By policy and key, as `circuitBreaker:payments`. Policies with the same key share an entry. */
  readonly checks: Readonly<Record<string, ReadonlyArray<Check>>>
  /** The number of checks that are not listed, in words. */
  readonly notes?: ReadonlyArray<string> | undefined
}

/**
 * @since 3.1.0
 * @category options
 */
export interface Options {
  /**
   * The keys of the circuit breakers of dependencies without which the service cannot work.
   *
   * The status is `fail` while such a breaker rejects every call. After its open time the status is `warn`, because
   * only a call can probe. Defaults to none.
   */
  readonly failWhenOpen?: ((key: string) => boolean) | ReadonlyArray<string> | undefined
  /** The most components in the list, the worst first. All of them count for the status. Defaults to 100. */
  readonly maxChecks?: number | undefined
}

/**
 * The policies and budgets that attempts have used so far, with the totals of circuit breakers.
 *
 * @since 3.1.0
 * @category getters
 */
export const components: Effect.Effect<ReadonlyArray<Component>, never, Telemetry.Monitor> = Effect.gen(function*() {
  const sources = yield* Effect.flatMap(Telemetry.Monitor, ({ sources }) => sources)
  const now = yield* Deadline.now
  const component = (source: Telemetry.Source): Effect.Effect<Component> =>
    CircuitBreaker.isCircuitBreaker(source)
      ? Effect.map(CircuitBreaker.snapshot(source), (circuit) => ({ ...source.inspect(now), circuit }))
      : Effect.sync(() => source.inspect(now))
  // Leaves out a policy of the program that throws.
  const exits = yield* Effect.forEach(sources, (source) => Effect.exit(component(source)))
  return exits.flatMap((exit) => Exit.isSuccess(exit) ? [exit.value] : [])
})

/**
 * Computes the health of the components.
 *
 * A component is `warn` if it is a circuit breaker that is open, half-open or isolated, a closed `Retry-After` gate, or
 * an empty retry budget. It is `fail` only by `failWhenOpen`. Throws `InvalidOption` if `maxChecks` is not a whole
 * number of at least 0.
 *
 * @example
 * ```ts
 * import * as Health from "reprise/Health"
 *
 * const components = [
 *   { policy: "circuitBreaker", key: "https://search.example", state: "Open" },
 *   { policy: "circuitBreaker", key: "https://payments.example", state: "Closed" }
 * ]
 * const { checks, status } = Health.make(components)
 *
 * console.log(status) // => warn
 * console.log(checks["circuitBreaker:https://search.example"]?.[0]?.status) // => warn
 * console.log(Health.make(components, { failWhenOpen: ["https://search.example"] }).status) // => fail
 * ```
 *
 * @since 3.1.0
 * @category constructors
 */
export const make = (components: ReadonlyArray<Component>, options: Options = {}): Health => {
  const { failWhenOpen = [] } = options
  const maxChecks = integer("maxChecks", options.maxChecks ?? 100, { min: 0 })
  const isVital = typeof failWhenOpen === "function" ? failWhenOpen : (key: string) => failWhenOpen.includes(key)
  const all = components.map((component) => checkOf(component, isVital))
  all.sort((one, other) => severity[other.status] - severity[one.status])
  // A key can be any text, even `__proto__`.
  const checks = Object.create(null) as Record<string, Array<Check>>
  for (const check of all.slice(0, maxChecks)) {
    const name = `${check.componentType}:${check.componentId}`
    ;(checks[name] ??= []).push(check)
  }
  const status = all[0]?.status ?? "pass"
  const hidden = Math.max(all.length - maxChecks, 0)
  return hidden === 0 ? { status, checks } : { status, checks, notes: [`${hidden} more checks are not listed`] }
}

/**
 * The health now.
 *
 * @example
 * ```ts
 * import { Effect } from "effect"
 * import * as CircuitBreaker from "reprise/CircuitBreaker"
 * import * as Health from "reprise/Health"
 * import * as Pipeline from "reprise/Pipeline"
 * import * as Telemetry from "reprise/Telemetry"
 * import * as Tripping from "reprise/Tripping"
 *
 * const program = Effect.gen(function*() {
 *   const breaker = yield* CircuitBreaker.make({ key: "payments", trip: Tripping.consecutive(1) })
 *   const resilient = Pipeline.make({ policies: [breaker] })
 *   yield* Effect.ignore(resilient(Effect.fail("down")))
 *   return (yield* Health.current({ failWhenOpen: ["payments"] })).status
 * })
 *
 * Effect.runPromise(program.pipe(Effect.provide(Telemetry.layerMonitor))).then(console.log) // => fail
 * ```
 *
 * @since 3.1.0
 * @category getters
 */
export const current = (options: Options = {}): Effect.Effect<Health, never, Telemetry.Monitor> =>
  Effect.map(components, (components) => make(components, options))

const severity: Readonly<Record<Status, number>> = { pass: 0, warn: 1, fail: 2 }

const checkOf = (component: Component, isVital: (key: string) => boolean): Check => {
  const { circuit, key, policy, ...numbers } = component
  const totals = circuit !== undefined && {
    admitted: circuit.admitted,
    failed: circuit.failed,
    rejected: circuit.rejected,
    downMillis: circuit.downMillis
  }
  return {
    status: statusOf(component, isVital),
    componentType: policy,
    componentId: key,
    ...numbers,
    ...totals
  }
}

const statusOf = (component: Component, isVital: (key: string) => boolean): Status => {
  const { key, left, policy, state } = component
  switch (policy) {
    case "circuitBreaker":
      if (rejectsAll(component) && isVital(key)) return "fail"
      return state === "Open" || state === "HalfOpen" || state === "Isolated" ? "warn" : "pass"
    case "retryAfterGate":
      return state === "Closed" ? "warn" : "pass"
    case "retryBudget":
      return left !== undefined && left < 1 ? "warn" : "pass"
    default:
      return "pass"
  }
}

/**
 * A service that fails gets no calls, and without calls no probe can close the circuit. So an open circuit counts only
 * until its open time ends.
 */
const rejectsAll = ({ circuit, state }: Component): boolean =>
  state === "Isolated" ||
  state === "Open" && (circuit === undefined || Option.match(circuit.retryAfter, {
      onNone: () => true,
      onSome: (left) => Duration.toMillis(left) > 0
    }))

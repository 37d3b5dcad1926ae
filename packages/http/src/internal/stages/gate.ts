import type * as HttpClientResponse from "@effect/platform/HttpClientResponse"
import * as Cause from "effect/Cause"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import * as Random from "effect/Random"
import * as InvalidOption from "reprise/InvalidOption"
import * as Keyed from "reprise/Keyed"
import * as Policy from "reprise/Policy"
import type { FailedAttempt } from "../attempt/failedAttempt.js"
import * as RetryAfter from "../classify/retryAfter.js"
import * as clock from "../clock.js"
import { GateClosed, type RetryAfterGateOptions } from "../model.js"
import * as gates_ from "./gates.js"
import { origin, type Placed } from "./guard.js"

interface Settings {
  readonly gates: gates_.Gates
  readonly isWaiting: boolean
  readonly maxWaiting: number
  readonly jitter: number
  readonly learnsFromSuccess: boolean
}

type End = Policy.End<HttpClientResponse.HttpClientResponse, FailedAttempt>

/** `make` makes all gates. It has no requirements and is synchronous. */
const gatesOf = (options: RetryAfterGateOptions): gates_.Gates =>
  "gates" in options ? options.gates as gates_.Gates : Effect.runSync(gates_.make(options))

/** @internal */
export const make = (options: RetryAfterGateOptions): Placed => {
  const { key = origin } = options
  const gates = gatesOf(options)
  const settings: Settings = {
    gates,
    isWaiting: InvalidOption.oneOf("onClosed", options.onClosed ?? "wait", ["wait", "reject"]) === "wait",
    maxWaiting: InvalidOption.integer("maxWaiting", options.maxWaiting ?? 1_000, { min: 0 }),
    jitter: InvalidOption.number("jitter", options.jitter ?? 0.1, { min: 0, max: 1 }),
    learnsFromSuccess: options.learnFromSuccess === true
  }
  // The gate keeps the policy of the client that used it last: most gates belong to one client.
  const of = (gate: gates_.Gate) => {
    const { byClient } = gate
    if (byClient instanceof GatePolicy && byClient.settings === settings) return byClient
    const made = new GatePolicy(settings, gate)
    gate.byClient = made
    return made
  }
  return { _tag: "Policy", policyOf: (request) => Keyed.policy(gates.byKey, key(request), of) }
}

type Response = HttpClientResponse.HttpClientResponse

/** Lets every attempt pass while the gate is open, and learns from the results. One object for all attempts: nothing is allocated. */
class GatePolicy
  implements
    Policy.Policy<GateClosed, Response, FailedAttempt>,
    Policy.Admit<Response, FailedAttempt>,
    Policy.Ticket<Response, FailedAttempt>
{
  readonly [Policy.TypeId]: typeof Policy.TypeId = Policy.TypeId
  readonly _tag = "Admit"
  readonly kind = "judge"
  readonly holds = true

  constructor(readonly settings: Settings, readonly source: gates_.Gate) {}

  decide(call: Policy.Call): Policy.Decision<GateClosed, Response, FailedAttempt> {
    const { settings, source: gate } = this
    // Most gates have never been closed.
    const leftMillis = gate.untilMillis === -Infinity ? 0 : gate.leftMillis(call.nowMillis)
    if (leftMillis === 0) return this
    const error = (reason: GateClosed["reason"]) =>
      new GateClosed({ key: gate.key, retryAfter: Option.some(Duration.millis(leftMillis)), reason })
    if (!settings.isWaiting) return { _tag: "Reject", error: error("closed") }
    if (gate.paused >= settings.maxWaiting) return { _tag: "Reject", error: error("full") }
    return {
      _tag: "Wait",
      enter: (call) => new Pause(settings.jitter, gate, call, () => error("deadline")),
      refuse: () => error("deadline")
    }
  }

  take(): this {
    this.source.enter()
    return this
  }

  settle(end: End): void | Effect.Effect<void> {
    this.source.inFlight--
    return learn(this.settings, this.source, end)
  }

  withdraw(): void {
    this.source.inFlight--
  }
}

/** A call that waits until the gate opens, and a random part longer, so that the calls do not start at once. */
class Pause implements Policy.Turn<GateClosed> {
  onWake: (() => void) | undefined
  untilMillis: number
  private hasLeft = false
  readonly work: Effect.Effect<void>

  constructor(
    jitter: number,
    private readonly gate: gates_.Gate,
    private readonly call: Policy.Call,
    private readonly error: () => GateClosed
  ) {
    gate.paused++
    this.untilMillis = call.nowMillis + gate.leftMillis(call.nowMillis)
    this.work = Effect.map(Random.nextRange(0, jitter), (share) => {
      this.untilMillis += Math.ceil(share * gate.pauseMillis)
    })
  }

  poll(nowMillis: number): "again" | Policy.Reject<GateClosed> | undefined {
    const isTooLong = this.untilMillis >= this.call.deadlineMillis
    if (!isTooLong && nowMillis < this.untilMillis) return undefined
    this.leave()
    return isTooLong ? { _tag: "Reject", error: this.error() } : "again"
  }

  leave(): void {
    if (!this.hasLeft) this.gate.paused--
    this.hasLeft = true
  }
}

const learn = (settings: Settings, gate: gates_.Gate, { exit, nowMillis }: End): Effect.Effect<void> | undefined => {
  if (Exit.isSuccess(exit)) {
    return settings.learnsFromSuccess && !saysNothing(exit.value)
      ? learnFromSuccess(settings, gate, exit.value)
      : undefined
  }
  const failure = Option.flatMap(Cause.failureOption(exit.cause), ({ failure }) => failure)
  if (Option.isNone(failure)) return undefined
  const { _tag: tag, retryAfter } = failure.value
  const isAsked = tag === "RateLimited" || (tag === "ServerError" && failure.value.status === 503)
  return isAsked && Option.isSome(retryAfter)
    ? settings.gates.close(gate, nowMillis, Duration.toMillis(retryAfter.value))
    : undefined
}

/** A fast check without the grammar: few servers send the rest of a quota. */
const saysNothing = ({ headers }: HttpClientResponse.HttpClientResponse): boolean => {
  for (const name in headers) if (/^(x-)?rate-?limit/.test(name)) return false
  return true
}

/** Closes the gate after a success that has used up the quota. */
const learnFromSuccess = (
  { gates }: Settings,
  gate: gates_.Gate,
  response: HttpClientResponse.HttpClientResponse
): Effect.Effect<void> =>
  Effect.flatMap(Effect.zip(clock.currentWallMillis, clock.currentMonotonicMillis), ([wallMillis, nowMillis]) => {
    const reset = RetryAfter.untilReplenished(response.headers, { nowMillis: wallMillis })
    return Option.isNone(reset)
      ? Effect.void
      : gates.close(gate, nowMillis, Duration.toMillis(reset.value)) ?? Effect.void
  })

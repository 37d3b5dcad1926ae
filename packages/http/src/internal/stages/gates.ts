import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as InvalidOption from "reprise/InvalidOption"
import * as Keyed from "reprise/Keyed"
import type { RetryAfterStore } from "reprise/RetryAfterStore"
import * as SharedPauses from "reprise/SharedPauses"
import * as Telemetry from "reprise/Telemetry"
import * as clock from "../clock.js"
import { type GatesOptions, GatesTypeId, type RetryAfterGates } from "../model.js"

/**
 * The pause of one key. A gate that was never closed is open.
 *
 * @internal
 */
export class Gate implements Telemetry.Source {
  readonly policy = "retryAfterGate"
  untilMillis = -Infinity
  /** The length of the pause, so that a clock that moves backwards does not extend it. */
  pauseMillis = 0
  paused = 0
  /** Attempts that may close it. */
  inFlight = 0
  /** Whether it was closed and no attempt has passed it since. */
  isClosed = false
  /** Of the client that used it last. */
  byClient: object | undefined

  constructor(readonly key: string) {}

  inspect(nowMillis: number): Telemetry.Snapshot {
    const { inFlight, key, paused, policy } = this
    const millis = this.leftMillis(nowMillis)
    return { policy, key, state: millis > 0 ? "Closed" : "Open", millis, running: inFlight, waiting: paused }
  }

  /** Returns whether the new pause is longer than the current one. */
  close(now: number, millis: number): boolean {
    if (millis <= this.leftMillis(now)) return false
    this.untilMillis = now + millis
    this.pauseMillis = millis
    this.isClosed = true
    Telemetry.unsafeEmit({ _tag: "GateClosed", key: this.key, duration: Duration.millis(millis) })
    return true
  }

  /** An attempt passes. */
  enter(): void {
    this.inFlight++
    if (!this.isClosed) return
    this.isClosed = false
    Telemetry.unsafeEmit({ _tag: "GateOpened", key: this.key })
  }

  leftMillis(now: number): number {
    return Math.max(Math.min(this.untilMillis - now, this.pauseMillis), 0)
  }
}

/**
 * The gates of one client, or of several.
 *
 * @internal
 */
export class Gates implements RetryAfterGates {
  readonly [GatesTypeId]: typeof GatesTypeId = GatesTypeId
  /** Set if other processes must receive the pauses of this one. */
  tell: ((key: string, millis: number) => Effect.Effect<void>) | undefined

  constructor(readonly byKey: Keyed.Keyed<string, Gate>, readonly maxMillis: number) {}

  /** Closes the gate. The effect publishes the pause to other processes. */
  close(gate: Gate, nowMillis: number, asked: number): Effect.Effect<void> | undefined {
    const millis = Math.min(asked, this.maxMillis)
    return gate.close(nowMillis, millis) ? this.tell?.(gate.key, millis) : undefined
  }

  /** Closes the gate for a pause of another process, and does not publish it. */
  hear(key: string, asked: number): Effect.Effect<void> {
    return Keyed.use(this.byKey, key, (gate) =>
      Effect.map(clock.currentMonotonicMillis, (now) => {
        gate.close(now, Math.min(asked, this.maxMillis))
      }))
  }
}

/**
 * Throws `InvalidOption` when it is called, not when the effect runs.
 *
 * @internal
 */
export const make = (options: GatesOptions): Effect.Effect<Gates> => {
  const { capacity, idleTimeToLive } = options
  const maxMillis = InvalidOption.millis("max", options.max ?? "1 minute", { moreThan: 0 })
  const byKey = Keyed.make({
    make: (key: string) => Effect.sync(() => new Gate(key)),
    isIdle: (gate, nowMillis) => gate.paused + gate.inFlight === 0 && gate.leftMillis(nowMillis) === 0,
    name: "The Retry-After gates",
    capacity,
    idleTimeToLive
  })
  return Effect.map(byKey, (byKey) => new Gates(byKey, maxMillis))
}

/** @internal */
export const makeShared = (
  options: GatesOptions
): Effect.Effect<Gates, never, RetryAfterStore | Scope.Scope> => {
  const { capacity, max } = options
  return Effect.tap(make(options), (gates) => {
    const onPause = (key: string, duration: Duration.Duration) => gates.hear(key, Duration.toMillis(duration))
    return Effect.map(SharedPauses.make({ onPause, max, capacity, name: "The Retry-After gates" }), (pauses) => {
      gates.tell = (key, millis) => SharedPauses.pause(pauses, key, millis)
    })
  })
}

import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Exit from "effect/Exit"
import type { StoreError } from "../../StoreError.js"
import { type Breaker, change, type Era, reject, type Shared } from "../breaker/breaker.js"
import * as Machine from "../breaker/machine.js"
import type { CircuitOpen } from "../breaker/model.js"
import * as policy from "../breaker/policy.js"
import type { Settings } from "../breaker/settings.js"
import type { Permit } from "../breaker/tickets.js"
import { currentMonotonicMillis } from "../effect/clock.js"
import type * as Policy from "../shell/model.js"
import { adopt, type Asked, asking } from "./adopt.js"
import * as answers from "./answers.js"
import * as CircuitBreakerStore from "./circuitStore.js"
import type { Fleet } from "./fleet.js"
import { Joining } from "./joining.js"
import * as link from "./link.js"

/** A permit of the store, under the permit that the local breaker gave for it. */
interface Lease {
  readonly token: string
  readonly version: CircuitBreakerStore.Version
  /** The generation of the local breaker. */
  readonly generation: number
}

/**
 * The result of a permit, for the store.
 *
 * @internal
 */
export interface Settled extends Lease {
  readonly outcome: Exclude<Machine.Outcome, "interrupted">
}

/**
 * A breaker that shares its state. It is a local breaker that the exchange brings to the state of the store. Only
 * probes need a permit of the store.
 *
 * @internal
 */
export class Member implements Shared {
  /** The version from which the local state comes. */
  version: CircuitBreakerStore.Version = CircuitBreakerStore.noVersion
  /** The local generation that the store has. Any other generation is a local change. */
  adopted = 0
  /** The number of requests so far. */
  asked = 0
  answered = 0
  /** The sums of `version` at the last exchange. */
  seen: CircuitBreakerStore.Counts = {}
  /** Whether there was an exchange. */
  hasLooked = false
  exchangedMillis = -Infinity
  /** The number of exchanges since then, up to an interval ago. */
  exchanges = 0
  exchangesSinceMillis = -Infinity
  isDue = true
  /** Whether the log has a line that the breaker is not shared. */
  isRefused = false
  readonly settlements = new Set<Settled>()
  /** Permits that the store may have given without an answer. */
  readonly orphans = new Set<string>()
  readonly joining: Joining
  isJoining = false
  private readonly leases = new Map<number, Lease>()
  private asking = 0
  private wasDisabled = false
  private fullUntilMillis = -Infinity
  private fullTimes = 0
  /** Until then the local breaker decides, because the last answer of the store was bad. */
  private aloneUntilMillis = -Infinity

  constructor(readonly self: Breaker, readonly fleet: Fleet) {
    this.joining = new Joining(fleet.link)
  }

  changed({ isDisabled, state }: Era): void {
    this.fullUntilMillis = -Infinity
    this.fullTimes = 0
    // To disable and enable a breaker affects this process only.
    if (isDisabled || this.wasDisabled) this.adopted = state.generation
    this.wasDisabled = isDisabled
    if (state.generation !== this.adopted) this.fleet.bell.ring()
  }

  settled(
    { settings }: Era,
    { generation, lease: id }: Machine.Permit,
    outcome: Machine.Outcome,
    durationMillis: number
  ): void {
    const lease = this.leases.get(id)
    // The permit is local, not from the store.
    if (lease?.generation !== generation) return
    this.leases.delete(id)
    const judged = Machine.judged(outcome, durationMillis, settings)
    put(this.settlements, { ...lease, outcome: judged === "interrupted" ? "ignored" : judged })
    this.fleet.bell.ring()
  }

  hasNews(): boolean {
    const { generation } = this.self.era.current.state
    return this.settlements.size + this.orphans.size > 0 || generation !== this.adopted
  }

  /** Logs one line if the store refuses a key or its answers are invalid, until an exchange succeeds again. */
  failed(error: StoreError): Effect.Effect<void> {
    if (error.reason === "unavailable") this.isDue = true
    if (error.reason === "unreadable") {
      // Their results are unknown, and a lease ends on its own.
      this.settlements.clear()
      this.orphans.clear()
    }
    return link.refused(this.fleet.link, this, `The circuit "${this.self.key}" is`, error)
  }

  /** Returns the permits to the store, because the results of these probes will not come. */
  returnLeases(): void {
    for (const lease of this.leases.values()) put(this.settlements, { ...lease, outcome: "ignored" })
    this.leases.clear()
  }

  decide(era: Era, call: Policy.Call): Policy.Decision<CircuitOpen> | undefined {
    const { fleet, self } = this
    const now = call.nowMillis
    if (this.isJoining) {
      const waiting = era.isDisabled || era.holds.size > 0 ? undefined : this.joining.wait(now)
      if (waiting !== undefined) return this.wait(era, () => new Asking(waiting))
      this.isJoining = false
    }
    if (fleet.isOver || !mayProbe(era, now)) return undefined
    if (!fleet.link.isUp || now < this.aloneUntilMillis) {
      return fleet.onStoreError === "local" ? undefined : policy.rejected(self, era, fleet.syncMillis)
    }
    const isAsking = this.asking >= era.settings.probes
    if (now < this.fullUntilMillis || isAsking) {
      return policy.full(self, era, isAsking ? fleet.syncMillis : this.fullUntilMillis - now)
    }
    return this.wait(era, (call) => this.ask(era, call))
  }

  private wait(era: Era, enter: (call: Policy.Call) => Asking): Policy.Wait<CircuitOpen> {
    return { _tag: "Wait", enter, refuse: () => reject(this.self, era, this.fleet.syncMillis) }
  }

  /** A call that requests a probe from the store, and waits for the answer. */
  private ask(era: Era, call: Policy.Call): Asking {
    const { fleet, self } = this
    const asked = asking(this, era)
    const token = fleet.token()
    this.asking++
    const { version } = this
    const question = () => fleet.store.admit(self.key, { token, version, ...probing(era.settings) })
    const turn: Asking = new Asking(
      Effect.uninterruptibleMask((restore) =>
        Effect.flatMap(Effect.exit(restore(link.ask(fleet.link, question, answers.admission))), (exit) => {
          this.asking--
          if (Exit.isSuccess(exit)) {
            return Effect.flatMap(this.answer(asked, token, exit.value, call), (permit) => {
              const { probe } = self.era.current.settings
              if (permit !== undefined && probe !== undefined) return policy.runProbe(self, permit, probe, restore)
              turn.ticket = permit
              return Effect.void
            })
          }
          return Either.match(Cause.failureOrCause(exit.cause), {
            onLeft: (error) => {
              // Only after a request without an answer may the store have given a permit.
              if (error.reason === "unavailable") this.orphan(token)
              return Effect.flatMap(currentMonotonicMillis, (now) => {
                this.aloneUntilMillis = now + fleet.syncMillis
                return this.failed(error)
              })
            },
            // The caller's own interruption.
            onRight: (cause) => {
              this.orphan(token)
              return Effect.failCause(cause)
            }
          })
        })
      )
    )
    return turn
  }

  private answer(
    asked: Asked,
    token: string,
    { isGranted, retryAfterMillis, standing }: CircuitBreakerStore.Admission,
    call: Policy.Call
  ): Effect.Effect<Permit | undefined> {
    return Effect.flatMap(adopt(this, asked, standing), () =>
      Effect.map(currentMonotonicMillis, (now) => {
        const permit = isGranted ? this.probe(token, standing.version, now, call) : undefined
        // After a change, the call decides anew. A store that grants a probe and changes nothing would be asked for ever.
        if (
          permit !== undefined || (isGranted && this.self.era.current.state.generation !== asked.generation)
        ) return permit
        // At this rate for any number of calls, and less often the longer the probe of another process takes.
        const patience = this.fleet.syncMillis * Math.min(2 ** this.fullTimes++, quietIntervals)
        this.fullUntilMillis = now + Math.min(retryAfterMillis || Infinity, patience)
        return undefined
      }))
  }

  /** Takes a permit of the local breaker for the permit of the store. */
  private probe(
    token: string,
    version: CircuitBreakerStore.Version,
    now: number,
    call: Policy.Call
  ): Permit | undefined {
    const { self } = this
    const era = self.era.current
    const { settings: { leaseMillis }, state } = era
    // The state has changed again since the answer.
    if (state._tag !== "HalfOpen") {
      this.orphan(token)
      return undefined
    }
    const id = state.issued + 1
    const lease = { id, untilMillis: now + leaseMillis }
    this.leases.set(id, { token, version, generation: state.generation })
    change(self, now, () => ({ state: { ...state, leases: [...state.leases, lease], issued: id } }))
    return policy.letThrough(
      self,
      era,
      { generation: state.generation, lease: id },
      { ...shown(call), nowMillis: now },
      false
    )
  }

  private orphan(token: string): void {
    put(this.orphans, token)
    this.fleet.bell.ring()
  }
}

/** The call as it was when it began to wait. */
const shown = ({ deadlineMillis, partition, priority }: Policy.Call) => ({
  deadlineMillis,
  partition,
  priority,
  mayWait: false
})

/** The wait of a call for the store. Without a ticket, all policies decide again. */
class Asking implements Policy.Turn<CircuitOpen> {
  onWake: (() => void) | undefined
  ticket: Policy.Ticket | undefined

  constructor(readonly work: Effect.Effect<unknown, unknown>) {}

  poll(): Policy.Ticket | "again" {
    return this.ticket ?? "again"
  }

  leave(): void {
    this.ticket?.withdraw?.()
    this.ticket = undefined
  }
}

/** The most entries for a store that does not accept them: leases end on their own. */
const maxKept = 1_000

const put = <A>(all: Set<A>, one: A): void => {
  if (all.size < maxKept) all.add(one)
}

/**
 * The number of intervals after which a quiet member checks for missed changes.
 *
 * @internal
 */
export const quietIntervals = 10

/** @internal */
export const probing = ({ leaseMillis, probes, successes, tolerated }: Settings): CircuitBreakerStore.Probing => ({
  probes,
  successes,
  tolerated,
  leaseMillis
})

/** Whether the store decides about a call. */
const mayProbe = ({ holds, isDisabled, state }: Era, now: number): boolean => {
  if (holds.size > 0 || isDisabled || state._tag === "Closed") return false
  // The breaker itself handles a clock that moved backwards.
  return state._tag === "HalfOpen" || (now >= state.untilMillis && now >= state.openedAtMillis)
}

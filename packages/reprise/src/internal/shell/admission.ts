import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import * as deadline from "../deadline.js"
import { exactMillis } from "../effect/clock.js"
import * as telemetry from "../telemetry/current.js"
import type { CallScope, Scope, Watched } from "../telemetry/scope.js"
import type * as Policy from "./model.js"

/** @internal */
export type AnyPolicy = Policy.Policy<unknown, never, never>

type Admit = Policy.Admit<never, never>
type Ticket = Policy.Ticket<never, never>

/**
 * The settings of a request for admission.
 *
 * @internal
 */
export interface Terms {
  readonly policies: ReadonlyArray<AnyPolicy>
  readonly priority: number
  readonly partition: string | undefined
  /** `false` for a hedge. */
  readonly mayWait: boolean
  /** Defaults to the deadline of the fiber. */
  readonly deadlineMillis: number | undefined
  /** Called if a policy rejects the attempt. Returns the error that the attempt fails with. */
  readonly onReject?: ((error: unknown) => unknown) | undefined
  /** The call of the attempt, if it has observers. */
  readonly scope?: CallScope | undefined
}

/**
 * The result of a pass over the list that did not admit the attempt.
 *
 * @internal
 */
export type Verdict =
  | Policy.Reject<unknown>
  | Policy.Wait<unknown, never, never>
  | { readonly _tag: "Die"; readonly defect: unknown }

/**
 * One attempt with a list of policies, and its tickets.
 *
 * All policies decide first, and then all take in the same step. So no policy counts an attempt that another one
 * rejects.
 *
 * @internal
 */
export class Admission implements Policy.Call, Policy.End<never, never> {
  exit!: Exit.Exit<never, never>
  startMillis = NaN
  /** The index of the policy that rejected or delayed the attempt. */
  place = 0
  /** Whether a ticket must receive interruptions. */
  holds = false
  /** Whether a ticket must receive the end of the attempt. */
  settles = false
  /** The observers of the fiber. */
  readonly scope: Scope | undefined
  /** The attempt, if the call has observers. */
  watched: Watched | undefined
  private readMillis = NaN
  /** The decision of every policy, and after `take` its ticket. */
  private readonly places: Array<Admit | Ticket>
  /** The tickets that came from waits. */
  private kept: Array<Ticket | undefined> | undefined

  constructor(private readonly terms: Terms, readonly fiber: Fiber.RuntimeFiber<unknown, unknown>) {
    this.places = new Array(terms.policies.length)
    this.scope = terms.scope ?? telemetry.of(fiber)
  }

  get priority(): number {
    return this.terms.priority
  }

  get partition(): string | undefined {
    return this.terms.partition
  }

  get mayWait(): boolean {
    return this.terms.mayWait
  }

  get deadlineMillis(): number {
    return this.terms.deadlineMillis ?? deadline.of(this.fiber)
  }

  get nowMillis(): number {
    return Math.round(this.read())
  }

  get tookMillis(): number {
    return Math.max(this.read() - this.startMillis, 0)
  }

  /** At most one reading per pass, and none if no policy needs it. */
  private read(): number {
    if (Number.isNaN(this.readMillis)) {
      this.readMillis = exactMillis(Context.unsafeGet(this.fiber.currentDefaultServices, Clock.Clock))
    }
    return this.readMillis
  }

  /** Makes the next reading of the clock a new one. */
  refresh(): this {
    this.readMillis = NaN
    return this
  }

  /** `undefined` if every policy would admit the attempt now. */
  look(): Verdict | undefined {
    const { kept, places, terms: { policies } } = this
    try {
      for (let i = 0; i < policies.length; i++) {
        if (kept?.[i] !== undefined) continue
        const policy = policies[i]!
        const decision = policy.decide(this)
        this.scope?.see(policy.source, this.fiber)
        if (decision._tag !== "Admit") {
          this.place = i
          return decision
        }
        if (decision.holds) this.holds = true
        places[i] = decision
      }
      return undefined
    } catch (defect) {
      return { _tag: "Die", defect }
    }
  }

  /** Runs right after a `look` that admitted the attempt, in the same step. */
  take(): Verdict | undefined {
    const { kept, places } = this
    for (let i = 0; i < places.length; i++) {
      try {
        // A ticket that was not kept has been admitted in this step.
        const ticket = kept?.[i] ?? (places[i] as Admit).take(this)
        if (ticket.settle !== undefined) this.settles = true
        places[i] = ticket
      } catch (defect) {
        // Not `places.map`, which would leave out a policy that kept its ticket and so did not decide.
        this.kept = Array.from(places, (place, j) => j < i ? place as Ticket : kept?.[j])
        return { _tag: "Die", defect }
      }
    }
    // A policy that needs the duration of the attempt has read the clock by now.
    this.startMillis = this.readMillis
    return undefined
  }

  /**
   * Releases the grants of judges, and of policies after `place`, before a wait. If attempts held a later resource
   * during a wait for an earlier one, they could wait for each other for ever.
   */
  beforeWait(): void {
    const { place, terms: { policies } } = this
    // Stryker disable next-line EqualityOperator: the policy at `place` has no grant.
    this.release((i) => i > place || policies[i]!.kind === "judge")
  }

  /** Keeps the ticket from the wait for the policy at `place`. */
  keep(ticket: Ticket): void {
    this.read()
    this.kept ??= []
    this.kept[this.place] = ticket
  }

  /** Records the rejection of a policy. */
  reject(error: unknown): Exit.Exit<never, unknown> {
    this.withdraw()
    this.scope?.rejected(this.fiber, this.source, error)
    return Exit.fail(this.terms.onReject === undefined ? error : this.terms.onReject(error))
  }

  /** The source of the policy at `place`. */
  get source(): Policy.Policy<unknown>["source"] {
    return this.terms.policies[this.place]!.source
  }

  /** The attempt does not run: releases the tickets from waits. */
  withdraw(): void {
    this.release(() => true)
  }

  private release(isReleased: (place: number) => boolean): void {
    this.kept?.reduceRight<void>((_, ticket, place, kept) => {
      if (!isReleased(place)) return
      kept[place] = undefined
      try {
        // Stryker disable next-line OptionalChaining: the `catch` ignores a ticket or a function that is missing.
        ticket?.withdraw?.()
      } catch {
        // The other tickets are still released, and the attempt ends with its own reason.
      }
    }, undefined)
  }

  /** Reports the end of the attempt to every policy, even if one of them throws. */
  settle<A, E>(exit: Exit.Exit<A, E>): Effect.Effect<A, E> {
    // After `take`.
    const tickets = this.places as Array<Ticket>
    // The types of `protect` make sure that every policy of the list can see this exit.
    this.exit = exit as Exit.Exit<unknown, unknown> as Exit.Exit<never, never>
    this.refresh()
    this.watched?.end(exit)
    let result = exit
    let refined: Effect.Effect<unknown> | undefined
    for (let i = tickets.length - 1; i >= 0; i--) {
      try {
        const refinement = tickets[i]!.settle?.(this)
        if (refinement === undefined) continue
        const quiet = Effect.exit(refinement)
        refined = refined === undefined ? quiet : Effect.flatMap(refined, () => quiet)
      } catch (defect) {
        result = Exit.die(defect)
      }
    }
    return refined === undefined ? result : Effect.uninterruptible(Effect.flatMap(refined, () => result))
  }
}

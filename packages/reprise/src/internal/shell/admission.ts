import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import type { Policy } from "../../Policy.js"
import * as deadline from "../deadline.js"
import { exactMillis } from "../effect/clock.js"

/** @internal */
export type AnyPolicy = Policy<unknown, never, never>

/**
 * Why a pass over the list did not admit the attempt.
 *
 * @internal
 */
export type Verdict =
  | Policy.Reject<unknown>
  | Policy.Wait<unknown, never, never>
  | { readonly _tag: "Die"; readonly defect: unknown }

/**
 * One attempt that asks a list of policies, and its tickets. All policies look first, and then all take in the same step: no
 * policy sees an attempt that another one keeps out.
 *
 * @internal
 */
export class Admission implements Policy.Call, Policy.End<never, never> {
  exit!: Exit.Exit<never, never>
  startMillis = NaN
  /** The policy that rejected the attempt or lets it wait. */
  place = -1
  /** Whether a ticket must hear of interruptions. */
  holds = false
  private readonly clock: Clock.Clock
  private readMillis = NaN
  private readonly admits: Array<Policy.Admit<never, never>> = []
  /** Before the attempt runs, only what was kept over a wait. */
  private readonly tickets: Array<Policy.Ticket<never, never> | undefined> = []

  constructor(
    readonly policies: ReadonlyArray<AnyPolicy>,
    readonly fiber: Fiber.RuntimeFiber<unknown, unknown>,
    readonly priority: number,
    readonly partition: string | undefined,
    readonly mayWait: boolean,
    readonly deadlineMillis: number = deadline.of(fiber)
  ) {
    this.clock = Context.unsafeGet(fiber.currentDefaultServices, Clock.Clock)
  }

  get nowMillis(): number {
    return Math.round(this.exactMillis)
  }

  get tookMillis(): number {
    return Math.max(this.exactMillis - this.startMillis, 0)
  }

  private get exactMillis(): number {
    if (Number.isNaN(this.readMillis)) this.readMillis = exactMillis(this.clock)
    return this.readMillis
  }

  /** The next reading of the clock is a new one. */
  refresh(): this {
    this.readMillis = NaN
    return this
  }

  /** `undefined` if every policy would admit the attempt now. */
  look(): Verdict | undefined {
    const { admits, policies, tickets } = this
    this.holds = false
    try {
      for (let i = 0; i < policies.length; i++) {
        if (tickets[i] !== undefined) {
          this.holds = true
          continue
        }
        const decision = policies[i]!.decide(this)
        if (decision._tag !== "Admit") {
          this.place = i
          return decision
        }
        if (decision.holds) this.holds = true
        admits[i] = decision
      }
      return undefined
    } catch (defect) {
      return { _tag: "Die", defect }
    }
  }

  /** Right after a `look` that admitted the attempt, in the same step. */
  take(): Verdict | undefined {
    const { admits, policies, tickets } = this
    try {
      for (let i = 0; i < policies.length; i++) tickets[i] ??= admits[i]!.take(this)
    } catch (defect) {
      this.withdraw()
      return { _tag: "Die", defect }
    }
    if (this.holds) this.startMillis = this.exactMillis
    return undefined
  }

  /** Takes what a wait for the policy at `place` was granted. */
  keep(ticket: Policy.Ticket<never, never>): void {
    this.tickets[this.place] = ticket
  }

  /**
   * Before a wait: gives back what judges and policies after `place` have granted. An attempt that held a later resource
   * while it waits for an earlier one could wait for ever.
   */
  beforeWait(): void {
    const { place, policies, tickets } = this
    for (let i = tickets.length - 1; i >= 0; i--) {
      if (i >= place || policies[i]!.kind === "judge") this.give(i)
    }
  }

  /** The attempt does not run. */
  withdraw(): void {
    for (let i = this.tickets.length - 1; i >= 0; i--) this.give(i)
  }

  private give(place: number): void {
    const ticket = this.tickets[place]
    this.tickets[place] = undefined
    try {
      ticket?.withdraw?.()
    } catch {
      // The others are given back all the same, and the attempt ends with its own reason.
    }
  }

  /** Tells every policy how the attempt ended, even if one of them throws. */
  settle<A, E>(exit: Exit.Exit<A, E>): Effect.Effect<A, E> {
    // The types of `protect` make sure that every policy of the list can see this exit.
    this.exit = exit as Exit.Exit<unknown, unknown> as Exit.Exit<never, never>
    this.refresh()
    let result = exit
    let refined: Effect.Effect<unknown> | undefined
    for (let i = this.tickets.length - 1; i >= 0; i--) {
      try {
        const refinement = this.tickets[i]?.settle?.(this)
        if (Effect.isEffect(refinement)) {
          const quiet = Effect.exit(refinement)
          refined = refined === undefined ? quiet : Effect.zipRight(refined, quiet)
        }
      } catch (defect) {
        result = Exit.die(defect)
      }
    }
    return refined === undefined ? result : Effect.uninterruptible(Effect.zipRight(refined, result))
  }
}

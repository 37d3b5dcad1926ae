import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import type * as Policy from "../shell/model.js"
import { type Breaker, commit, openingOf, overdue, refine } from "./breaker.js"
import type { Entry, InFlight } from "./inFlight.js"
import * as Machine from "./machine.js"
import { outcomeOf } from "./settings.js"

type Refinement = Effect.Effect<void> | undefined

const errorOf = <A, E>(exit: Exit.Exit<A, E>): Option.Option<E> =>
  Exit.isFailure(exit) ? Cause.failureOption(exit.cause) : Option.none()

/** Without a closure, because most calls of a breaker end here. */
interface Judged {
  readonly ended: (outcome: Machine.Outcome, end: Policy.End) => Refinement
}

/**
 * If a classifier throws, the call has failed with a defect. The failure is recorded, and then the defect is thrown
 * again.
 */
const judge = (self: Breaker, ticket: Judged, end: Policy.End): Refinement => {
  let outcome: Machine.Outcome
  try {
    outcome = outcomeOf(self.era.current.settings, end.exit)
  } catch (defect) {
    ticket.ended("failure", end)
    throw defect
  }
  return ticket.ended(outcome, end)
}

/** Records the result of a call in the machine. A trip opens the breaker here; the effect sets the open time. */
const record = (
  self: Breaker,
  permit: Machine.Permit,
  outcome: Machine.Outcome,
  exit: Exit.Exit<unknown, unknown>,
  nowMillis: number,
  tookMillis: number
): Refinement => {
  if (outcome === "failure") self.failed++
  const era = self.era.current
  const { settings, state } = era
  const opening = openingOf(era, nowMillis)
  const late = overdue(era, nowMillis)
  const [trip, next] = Machine.settle(
    state,
    permit,
    outcome,
    nowMillis,
    tookMillis,
    settings,
    late,
    opening.lastMillis
  )
  if (era.isDisabled || next === state) return undefined
  commit(self, nowMillis, trip === undefined ? { state: next } : { state: next, opening })
  return trip && refine(self, permit.generation + 1, trip, nowMillis, errorOf(exit))
}

/**
 * The ticket for calls of a closed breaker without a permit of their own: one for all of a generation.
 *
 * @internal
 */
export class Plain implements Policy.Admit, Policy.Ticket, Judged {
  readonly _tag = "Admit"
  private readonly permit: Machine.Permit

  constructor(private readonly self: Breaker, generation: number) {
    this.permit = { generation, lease: 0 }
  }

  get holds(): boolean {
    return this.self.isCounted
  }

  take(): Policy.Ticket {
    this.count(1)
    this.self.admitted++
    return this
  }

  settle(end: Policy.End): Refinement {
    this.count(-1)
    return judge(this.self, this, end)
  }

  ended(outcome: Machine.Outcome, end: Policy.End): Refinement {
    if (outcome === "ignored" || outcome === "interrupted") return undefined
    const { permit, self } = this
    // A rule that reads no clock never trips with a success.
    const isTimeless = outcome === "success" && self.era.current.settings.reads === "nothing"
    return record(self, permit, outcome, end.exit, isTimeless ? 0 : end.nowMillis, 0)
  }

  withdraw(): void {
    this.count(-1)
    this.self.admitted--
  }

  /** Only if every interruption is received. */
  private count(calls: number): void {
    if (this.holds) this.self.running += calls
  }
}

/**
 * The ticket for a call with a permit of its own: a probe, or a call that is observed while it runs.
 *
 * @internal
 */
export class Permit implements Policy.Ticket, Judged {
  private isSettled = false

  constructor(
    private readonly self: Breaker,
    private readonly permit: Machine.Permit,
    readonly startMillis: number,
    private readonly inFlight: InFlight | undefined,
    private readonly entry: Entry | undefined,
    /** The ticket of the shadow. */
    private readonly noted: Policy.Ticket | undefined
  ) {}

  settle(end: Policy.End): Refinement {
    return judge(this.self, this, end)
  }

  ended(outcome: Machine.Outcome, end: Policy.End): Refinement {
    return this.end(outcome, end.exit, end.nowMillis, end)
  }

  withdraw(): void {
    this.noted?.withdraw?.()
    this.end("ignored", Exit.void, this.startMillis)
  }

  /** The first end counts. */
  end(
    outcome: Machine.Outcome,
    exit: Exit.Exit<unknown, unknown>,
    nowMillis: number,
    end?: Policy.End
  ): Refinement {
    if (this.isSettled) return undefined
    this.isSettled = true
    const { entry, inFlight, permit, self } = this
    self.running--
    if (entry !== undefined) inFlight?.remove(entry)
    const tookMillis = Math.max(nowMillis - this.startMillis, 0)
    if (permit.lease !== 0) self.shared?.settled(self.era.current, permit, outcome, tookMillis)
    const refinement = record(self, permit, outcome, exit, nowMillis, tookMillis)
    const noted = end && this.note(end)
    return refinement === undefined || noted === undefined
      ? refinement ?? noted
      : Effect.flatMap(refinement, () => noted)
  }

  /** Keeps any failure of the shadow away from the call. */
  private note(end: Policy.End): Refinement {
    try {
      return this.noted?.settle?.(end) ?? undefined
    } catch {
      return undefined
    }
  }
}

import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import { inTurns } from "../turns.js"
import type { Agenda } from "../virtual/agenda.js"

/** How many tasks run before the event loop has its turn. */
const batch = 1_000

/** What goes on for so long without progress has no end: it spins, or sleeps again and again. */
const maxIdle = 20_000

/** Real time for what goes by no clock, a promise say, once nothing else is left. */
const patience = Effect.withClock(Effect.sleep("20 millis"), Clock.make())

/** @internal */
export interface Driven {
  readonly timeline: { readonly agenda: Agenda; readonly runNext: () => boolean }
  readonly isOver: boolean
  /** Whether something may still happen that goes by no clock. */
  readonly mayHope: boolean
  /** How much has run since the last progress. */
  idle: number
}

/**
 * Runs what there is to run, then moves the clock, until all is over: `false` if that never comes.
 *
 * The event loop has a turn between any two moments, so what does not wait on the clock goes on in no virtual time.
 *
 * @internal
 */
export const drive = (self: Driven, untilMillis = Infinity): Effect.Effect<boolean> =>
  Effect.flatMap(inTurns(() => step(self, untilMillis)), () => {
    if (self.isOver || !self.mayHope) return Effect.succeed(self.isOver)
    return Effect.flatMap(
      patience,
      () => step(self, untilMillis) ? drive(self, untilMillis) : Effect.succeed(self.isOver)
    )
  })

/** Runs the tasks of this moment or, if there are none, of the next one. Returns `false` if nothing more happens. */
const step = (self: Driven, untilMillis: number): boolean => {
  if (runTasks(self) === 0) {
    if (self.isOver || !self.timeline.agenda.advance(untilMillis)) return false
    runTasks(self)
  }
  return ++self.idle < maxIdle
}

/** @internal */
export const runTasks = (self: Pick<Driven, "timeline" | "idle">): number => {
  let ran = 0
  while (ran < batch && self.timeline.runNext()) ran++
  self.idle += ran
  return ran
}

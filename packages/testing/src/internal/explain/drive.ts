import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import { inTurns } from "../turns.js"
import type { Agenda } from "../virtual/agenda.js"

/** The most tasks between two turns of the event loop. */
const batch = 1_000

/** A run without progress in this number of steps has no end: a fiber spins, or sleeps again and again. */
const maxIdle = 20_000

/** The real time for effects without a clock, such as promises, when nothing else is left to run. */
const patience = Effect.withClock(Effect.sleep("20 millis"), Clock.make())

/** @internal */
export interface Driven {
  readonly timeline: { readonly agenda: Agenda; readonly runNext: () => boolean }
  readonly isOver: boolean
  /** The run is ending: `drive` waits no more real time. */
  readonly isClosed: boolean
  /** Steps since the last progress. */
  idle: number
}

/**
 * Runs all tasks, then moves the clock, until the run is over. Returns `false` if it never is.
 *
 * The event loop has a turn between any two moments, so promises and sockets take no virtual time.
 *
 * @internal
 */
export const drive = (self: Driven, untilMillis = Infinity): Effect.Effect<boolean> =>
  Effect.flatMap(inTurns(() => step(self, untilMillis)), () => {
    if (self.isOver || self.isClosed) return Effect.succeed(self.isOver)
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

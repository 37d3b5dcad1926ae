import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import * as Pipeable from "effect/Pipeable"
import * as InvalidOption from "../../InvalidOption.js"
import { type Standing, standing } from "../standing.js"
import * as delay from "./delay.js"
import * as Hedge from "./model.js"
import type { run } from "./race.js"

/** @internal */
export interface Settings {
  readonly maxHedges: number
  readonly endsRace: (exit: Exit.Exit<unknown, unknown>) => boolean
  readonly isRejection: ((error: unknown) => boolean) | undefined
  readonly withdraw: Effect.Effect<boolean> | undefined
  readonly discard: ((exit: Exit.Exit<unknown, unknown>) => Effect.Effect<void>) | undefined
}

/** @internal */
export class Hedger extends Pipeable.Class() implements Hedge.Hedge {
  readonly [Hedge.TypeId]: typeof Hedge.TypeId = Hedge.TypeId
  calls = 0
  hedges = 0
  won = 0
  refused = 0
  isReconfigured = false

  constructor(
    readonly key: string,
    public settings: Settings,
    public delay: delay.Delay,
    /** Only a program with a hedge includes the code of races. */
    readonly race: typeof run
  ) {
    super()
  }

  [standing](): Standing {
    return this.isReconfigured || this.delay.sketch?.isEmpty === false ? "changed" : "new"
  }
}

/**
 * Checks the options at once.
 *
 * @internal
 */
export const make = (options: Hedge.Options, race: typeof run): Effect.Effect<Hedger> => {
  const { makeDelay, settings } = check(options)
  return Effect.sync(() => new Hedger(options.key ?? "", settings, makeDelay(), race))
}

/** @internal */
export const reconfigure = (self: Hedger, options: Hedge.Options): Effect.Effect<void> => {
  const { makeDelay, settings } = check(options)
  return Effect.sync(() => {
    self.isReconfigured = true
    self.settings = settings
    self.delay = makeDelay(self.delay)
  })
}

const check = (options: Hedge.Options) => {
  const settings: Settings = {
    maxHedges: InvalidOption.integer("maxHedges", options.maxHedges ?? 1, { min: 1 }),
    endsRace: endsRace(options),
    isRejection: options.isRejection,
    withdraw: options.withdraw,
    discard: options.discard
  }
  return { makeDelay: delay.make(options.after), settings }
}

/** A defect, and an interruption from within, always end the race. */
const endsRace = ({ endsRace, isFailure }: Hedge.Options): Settings["endsRace"] => (exit) => {
  if (Exit.isSuccess(exit)) return endsRace === undefined || endsRace(exit)
  const error = errorOf(exit)
  if (Option.isNone(error)) return true
  if (endsRace !== undefined) return endsRace(exit)
  return isFailure !== undefined && !isFailure(error.value)
}

const errorOf = <E>({ cause }: Exit.Failure<unknown, E>): Option.Option<E> =>
  Cause.isDie(cause) ? Option.none() : Cause.failureOption(cause)

/**
 * The result with which the race ends, if this exit ends it. A judge that throws is a defect of the call.
 *
 * @internal
 */
export const judge = <A, E>(
  { endsRace, isRejection }: Settings,
  exit: Exit.Exit<A, E>
): Exit.Exit<A, E> | "failed" | "rejected" => {
  try {
    if (isRejection !== undefined && Exit.isFailure(exit) && Option.exists(errorOf(exit), isRejection)) {
      return "rejected"
    }
    return endsRace(exit) ? exit : "failed"
  } catch (defect) {
    return Exit.die(defect)
  }
}

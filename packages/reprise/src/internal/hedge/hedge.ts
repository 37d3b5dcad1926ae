import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import * as Pipeable from "effect/Pipeable"
import type { Hedge } from "../../Hedge.js"
import * as InvalidOption from "../../InvalidOption.js"
import * as delay from "./delay.js"

// Not marked internal: the declarations of Hedge refer to it.
export const TypeId: unique symbol = Symbol.for("reprise/Hedge")

/** @internal */
export interface Settings {
  readonly key: string
  readonly maxHedges: number
  readonly endsRace: (exit: Exit.Exit<unknown, unknown>) => boolean
  readonly withdraw: Effect.Effect<boolean> | undefined
  readonly discard: ((value: unknown) => Effect.Effect<void>) | undefined
}

/** @internal */
export class Hedger extends Pipeable.Class() implements Hedge {
  readonly [TypeId]: typeof TypeId = TypeId
  calls = 0
  hedges = 0
  won = 0
  refused = 0

  constructor(readonly settings: Settings, readonly delay: delay.Delay) {
    super()
  }

  /** What the first attempt of a call says about how long one takes; `isAnswer` unless it failed or was interrupted. */
  learn(tookMillis: number, nowMillis: number, isAnswer: boolean, delayMillis: number): void {
    // An attempt that lost against its hedge took longer than the quantile, whatever it would have come to. Without it only
    // the fast ones would be heard, and the delay would fall and fall.
    if (isAnswer || tookMillis >= delayMillis) this.delay.sketch?.record(Math.max(tookMillis, 0), nowMillis)
  }
}

/**
 * Checks the options at once.
 *
 * @internal
 */
export const make = (options: Hedge.Options): Effect.Effect<Hedger> => {
  const makeDelay = delay.make(options.after)
  const settings: Settings = {
    key: options.key ?? "",
    maxHedges: InvalidOption.integer("maxHedges", options.maxHedges ?? 1, { min: 1 }),
    endsRace: endsRace(options),
    withdraw: options.withdraw,
    discard: options.discard
  }
  return Effect.sync(() => new Hedger(settings, makeDelay()))
}

/** A defect, and an interruption from within, always do. */
const endsRace = ({ endsRace, isFailure }: Hedge.Options): Settings["endsRace"] => (exit) => {
  if (Exit.isSuccess(exit)) return endsRace === undefined || endsRace(exit)
  const error = Cause.isDie(exit.cause) ? Option.none() : Cause.failureOption(exit.cause)
  if (Option.isNone(error)) return true
  if (endsRace !== undefined) return endsRace(exit)
  return isFailure !== undefined && !isFailure(error.value)
}

/**
 * With what the race ends, if this exit ends it. A judge that throws is a defect of the call.
 *
 * @internal
 */
export const judge = <A, E>({ endsRace }: Settings, exit: Exit.Exit<A, E>): Exit.Exit<A, E> | undefined => {
  try {
    return endsRace(exit) ? exit : undefined
  } catch (defect) {
    return Exit.die(defect)
  }
}

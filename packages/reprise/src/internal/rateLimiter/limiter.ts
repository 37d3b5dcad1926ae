import * as Pipeable from "effect/Pipeable"
import * as Policy from "../shell/model.js"
import { type Standing, standing } from "../standing.js"
import { type Machine, Waiter } from "./machine.js"
import { type RateLimiter, type RateLimitExceeded, TypeId } from "./model.js"

// Internal all the same; without the tag, so that the tests of this module see its types (`stripInternal`).

/**
 * The policy that takes this number of tokens for each attempt.
 */
export class Limiter extends Pipeable.Class() implements RateLimiter, Policy.Admit, Policy.Ticket {
  readonly [TypeId]: typeof TypeId = TypeId
  readonly [Policy.TypeId]: typeof Policy.TypeId = Policy.TypeId
  readonly _tag = "Admit"
  readonly kind = "resource"
  readonly holds = false

  constructor(readonly machine: Machine, readonly tokens = 1) {
    super()
  }

  [standing](nowMillis: number): Standing {
    return this.machine.standing(nowMillis)
  }

  get source(): Machine {
    return this.machine
  }

  decide({ deadlineMillis, nowMillis }: Policy.Call): Policy.Decision<RateLimitExceeded> {
    const { machine, tokens } = this
    const missing = machine.missing(nowMillis, tokens)
    if (missing <= 0) return this
    return machine.refuse(nowMillis, missing, tokens, deadlineMillis) ?? {
      _tag: "Wait",
      enter: (call) => this.enter(call),
      refuse: () => machine.exceeded(nowMillis, Math.ceil(missing / machine.settings.rate.ticksPerMilli))
    }
  }

  take({ nowMillis }: Policy.Call): Policy.Ticket {
    this.machine.take(nowMillis, this.tokens)
    return this
  }

  readonly withdraw = () => this.machine.refund(this.tokens)

  private enter({ deadlineMillis }: Policy.Call): Waiter {
    const waiter = new Waiter(this.machine, this, this.tokens, deadlineMillis)
    this.machine.enter(waiter)
    return waiter
  }
}

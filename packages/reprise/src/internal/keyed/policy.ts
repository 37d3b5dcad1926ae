import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import { runInStep, unfinished } from "../effect/child.js"
import { currentMonotonicMillis } from "../effect/clock.js"
import * as Policy from "../shell/model.js"
import { working } from "../shell/wait.js"
import type { KeyedImpl } from "./entries.js"
import * as keyed from "./keyed.js"

/**
 * The policy of one key, looked up in the step of the decision. A registry never drops a policy that a call waits for
 * or uses.
 *
 * @internal
 */
export class KeyedPolicy<K, V, E, A, Err> implements Policy.Policy<E, A, Err> {
  readonly [Policy.TypeId]: typeof Policy.TypeId = Policy.TypeId
  readonly holds = true
  /** The policy that has decided. */
  private asked: Policy.Policy<E, A, Err> | undefined
  /** The values that calls have made. The registry may have no room for a value: then another call makes it again. */
  private made: WeakMap<Policy.Call, Exit.Exit<V>> | undefined

  constructor(
    private readonly self: KeyedImpl<K, V>,
    private readonly key: K,
    private readonly of: (value: V) => Policy.Policy<E, A, Err>
  ) {}

  get kind(): "judge" | "resource" {
    return this.asked?.kind ?? "judge"
  }

  get source(): Policy.Policy<E>["source"] {
    return this.asked?.source
  }

  rejectionAt(millis: number): E | undefined {
    return this.asked?.rejectionAt?.(millis)
  }

  decide(call: Policy.Call): Policy.Decision<E, A, Err> {
    const { self } = this
    const now = call.nowMillis
    const entry = self.find(this.key, now)
    if (entry === undefined) {
      const made = this.made?.get(call)
      if (made === undefined) return this.make(call)
      if (Exit.isFailure(made)) throw Cause.squash(made.cause)
      return this.ask(made.value, call)
    }
    const ready = self.ready(entry.value, now)
    return ready === undefined ? this.ask(entry.value, call) : after(ready)
  }

  private make(call: Policy.Call): Policy.Decision<E, A, Err> {
    const { key, self } = this
    const exit = runInStep(self.make(key))
    const fiber = unfinished(exit)
    if (fiber !== undefined) {
      // A value that takes time is made while the call waits.
      const made = Effect.flatMap(
        Fiber.await(fiber),
        (exit) => Effect.map(currentMonotonicMillis, (now) => this.keep(call, exit, now))
      )
      const warned = Effect.flatMap(made, () => keyed.mustWarn(self) ? keyed.warn(self) : Effect.void)
      return after(warned, () => fiber.unsafeInterruptAsFork(fiber.id()))
    }
    this.keep(call, exit, call.nowMillis)
    return keyed.mustWarn(self) ? after(keyed.warn(self)) : this.decide(call)
  }

  /** Few calls use a new key, so there is usually nothing to store. */
  private keep(call: Policy.Call, exit: Exit.Exit<V>, nowMillis: number): void {
    this.made ??= new WeakMap()
    this.made.set(call, Exit.map(exit, (value) => this.self.keep(this.key, value, nowMillis).value))
  }

  private ask(value: V, call: Policy.Call): Policy.Decision<E, A, Err> {
    const policy = this.of(value)
    this.asked = policy
    return policy.decide(call)
  }
}

/** After the work, all policies decide again. There is no policy yet that could reject the call. */
const after = (work: Effect.Effect<unknown>, leave?: () => void): Policy.Wait<never> => ({
  _tag: "Wait",
  enter: () => working(work, leave)
})

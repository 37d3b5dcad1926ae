import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type { Policy } from "../Policy.js"
import { runInStep } from "./child.js"
import * as keyed from "./keyed.js"
import type { KeyedImpl } from "./keyedEntries.js"
import { TypeId } from "./shell/typeId.js"
import { working } from "./shell/wait.js"

/**
 * The policy of one key, looked up in the step that decides: a registry never drops a policy that a call waits for or runs
 * under.
 *
 * @internal
 */
export class KeyedPolicy<K, V, E, A, Err> implements Policy<E, A, Err> {
  readonly [TypeId]: typeof TypeId = TypeId
  /** That of the policy, once it has decided. */
  kind: "judge" | "resource" = "judge"
  readonly holds = true
  /** What was made for a call, which the registry may have no room for: another call looks it up anew. */
  private made: WeakMap<Policy.Call, { readonly value: V }> | undefined

  constructor(
    private readonly self: KeyedImpl<K, V>,
    private readonly key: K,
    private readonly of: (value: V) => Policy<E, A, Err>
  ) {}

  decide(call: Policy.Call): Policy.Decision<E, A, Err> {
    const { self } = this
    const now = call.nowMillis
    const entry = self.find(this.key, now)
    if (entry === undefined) {
      const made = this.made?.get(call)
      return made === undefined ? this.make(call) : this.ask(made.value, call)
    }
    const ready = self.ready(entry.value, now)
    return ready === undefined ? this.ask(entry.value, call) : after(ready)
  }

  private make(call: Policy.Call): Policy.Decision<E, A, Err> {
    const { key, self } = this
    const exit = runInStep(self.make(key))
    // One that takes its time is made while the call waits.
    const value = Exit.isSuccess(exit) ? self.keep(key, exit.value, call.nowMillis).value : undefined
    if (value === undefined) {
      return after(Effect.map(keyed.get(self, key), (value) => this.remember(call, value)))
    }
    this.remember(call, value)
    return keyed.mustWarn(self) ? after(keyed.warn(self)) : this.decide(call)
  }

  /** Few calls meet a new key, so there is mostly nothing to remember. */
  private remember(call: Policy.Call, value: V): void {
    this.made ??= new WeakMap()
    this.made.set(call, { value })
  }

  private ask(value: V, call: Policy.Call): Policy.Decision<E, A, Err> {
    const policy = this.of(value)
    this.kind = policy.kind
    return policy.decide(call)
  }
}

/** Everything is decided anew after the work. No policy is there yet that could refuse the call. */
const after = (work: Effect.Effect<unknown>): Policy.Wait<never> => ({ _tag: "Wait", enter: () => working(work) })

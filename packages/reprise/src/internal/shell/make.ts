import * as Pipeable from "effect/Pipeable"
import * as Policy from "./model.js"

/** @internal */
export const make = <E, A, Err>(
  options: Policy.Simple<E, A, Err> | Policy.Full<E, A, Err>
): Policy.Policy<E, A, Err> => "admit" in options ? new Simple(options) : new Full(options)

/** The end of an attempt uses the clock that its admission has read. */
const timed = <T>({ nowMillis: _ }: Policy.Call, ticket: T): T => ticket

/** Never waits. If it must receive the end of an attempt, it holds, so that it also receives interruptions. */
class Simple<E, A, Err> extends Pipeable.Class() implements Policy.Policy<E, A, Err>, Policy.Admit<A, Err> {
  readonly [Policy.TypeId]: typeof Policy.TypeId = Policy.TypeId
  readonly _tag = "Admit"
  readonly kind = "judge"
  readonly holds: boolean
  readonly source: Policy.Policy<E>["source"]
  private readonly ticket: Policy.Ticket<A, Err>

  constructor(private readonly options: Policy.Simple<E, A, Err>) {
    super()
    const { settle } = options
    this.holds = settle !== undefined
    this.source = options.source
    this.ticket = { settle }
  }

  decide(call: Policy.Call): Policy.Decision<E, A, Err> {
    const error = this.options.admit(call)
    return error === undefined ? this : { _tag: "Reject", error }
  }

  take(call: Policy.Call): Policy.Ticket<A, Err> {
    return timed(call, this.ticket)
  }
}

class Full<E, A, Err> extends Pipeable.Class() implements Policy.Policy<E, A, Err> {
  readonly [Policy.TypeId]: typeof Policy.TypeId = Policy.TypeId
  readonly kind: "judge" | "resource"
  readonly holds: boolean
  readonly source: Policy.Policy<E>["source"]

  constructor(private readonly options: Policy.Full<E, A, Err>) {
    super()
    this.kind = options.kind
    this.holds = options.holds
    this.source = options.source
  }

  rejectionAt(millis: number): E | undefined {
    return this.options.rejectionAt?.(millis)
  }

  decide(call: Policy.Call): Policy.Decision<E, A, Err> {
    const decision = this.options.decide(call)
    // Stryker disable next-line ConditionalExpression: a copy of another decision is as good.
    return decision._tag === "Admit"
      ? { ...decision, take: (call) => timed(call, decision.take(call)) }
      : decision
  }
}

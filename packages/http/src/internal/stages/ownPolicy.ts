import type * as HttpClientResponse from "@effect/platform/HttpClientResponse"
import * as Cause from "effect/Cause"
import * as Either from "effect/Either"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import * as Keyed from "reprise/Keyed"
import * as Policy from "reprise/Policy"
import type { FailedAttempt } from "../attempt/failedAttempt.js"
import type { HttpFailure } from "../classify/failure.js"
import type { PolicyOptions } from "../model.js"
import { type HttpPolicy, origin, type Placed, registry } from "./guard.js"

type Response = HttpClientResponse.HttpClientResponse

/**
 * A policy that sees the failures of attempts.
 *
 * @internal
 */
export type OwnPolicy<E> = Policy.Policy<E, Response, HttpFailure>

/** @internal */
export const make = (options: OwnPolicy<unknown> | PolicyOptions<unknown>): Placed => {
  if (!("make" in options)) {
    const policy = facing(options)
    return { _tag: "Policy", policyOf: () => policy }
  }
  const { capacity, idleTimeToLive, key = origin, make, name = "The policies" } = options
  const all = registry({ capacity, idleTimeToLive }, make, name)
  return { _tag: "Policy", policyOf: (request) => Keyed.policy(all, key(request), facing) }
}

/** Gives the policy the typed failure of an attempt in place of the pipeline's own. */
const facing = (policy: OwnPolicy<unknown>): HttpPolicy =>
  Policy.make({
    kind: policy.kind,
    holds: policy.holds,
    source: policy.source,
    decide: (call) => {
      const decision = policy.decide(call)
      if (decision._tag === "Reject") return decision
      if (decision._tag === "Admit") return { ...decision, take: (call) => ticket(decision.take(call)) }
      return { ...decision, enter: (call) => turn(decision.enter(call)) }
    }
  })

type Turn = Policy.Turn<unknown, Response, HttpFailure>

const turn = (inner: Turn): Policy.Turn<unknown, Response, FailedAttempt> => ({
  get onWake() {
    return inner.onWake
  },
  set onWake(wake) {
    inner.onWake = wake
  },
  get untilMillis() {
    return inner.untilMillis
  },
  work: inner.work,
  poll: (nowMillis, isPastDeadline) => {
    const answer = inner.poll(nowMillis, isPastDeadline)
    return answer === undefined || answer === "again" || "_tag" in answer ? answer : ticket(answer)
  },
  leave: () => inner.leave?.()
})

const ticket = (
  { settle, withdraw }: Policy.Ticket<Response, HttpFailure>
): Policy.Ticket<Response, FailedAttempt> => ({
  settle: settle && ((end) =>
    settle({
      exit: Exit.isFailure(end.exit)
        ? Exit.failCause(typedCause(end.exit.cause))
        : end.exit as Exit.Exit<Response, never>,
      startMillis: end.startMillis,
      nowMillis: end.nowMillis,
      tookMillis: end.tookMillis
    })),
  withdraw
})

/** An error that does not concern HTTP is a defect to the policy, because its type has no member for it. */
const typedCause = (cause: Cause.Cause<FailedAttempt>): Cause.Cause<HttpFailure> =>
  Cause.flatMap(cause, ({ failure, origin }) =>
    Option.match(failure, {
      onSome: Cause.fail,
      onNone: () =>
        Cause.die(origin._tag === "Cause" ? Either.merge(Cause.failureOrCause(origin.cause)) : origin.response)
    }))

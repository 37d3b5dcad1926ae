import type * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Hedge from "reprise/Hedge"
import * as Keyed from "reprise/Keyed"
import type * as Pipeline from "reprise/Pipeline"
import * as RetryBudget from "reprise/RetryBudget"
import * as attempts from "../attempt/attempts.js"
import * as drain from "../attempt/drain.js"
import { FailedAttempt } from "../attempt/failedAttempt.js"
import type { Attempt } from "../attempt/reader.js"
import type { HedgeOptions } from "../model.js"
import * as idempotency from "../request/idempotency.js"
import { asked } from "./asked.js"
import * as budgets from "./budgets.js"
import { type Facts, type Guard, origin, type Placed, registry } from "./guard.js"

/**
 * Whether the request may be sent twice at the same time: it must be idempotent, with a body that can be read twice at
 * once.
 */
const mayBeHedged = (request: HttpClientRequest.HttpClientRequest, header: string | undefined): boolean =>
  idempotency.isIdempotent(request, header) &&
  (request.body._tag === "Stream"
    ? idempotency.isMarkedReplayable(request.body)
    : idempotency.isReplayable(request))

/**
 * Only time starts a hedge. A failure leaves the other attempts running if their requests were sent; otherwise it ends
 * the race, and the retry policy decides about another attempt.
 *
 * @internal
 */
export const make = (options: HedgeOptions): (facts: Facts) => Placed => {
  const { capacity, idleTimeToLive, key = origin, ...own } = options
  const all = registry(
    { capacity, idleTimeToLive },
    (key) => Hedge.make({ ...own, key, isFailure: isBeaten, isRejection }),
    "The hedges"
  )
  return ({ budget, idempotencyHeader, nested }) => ({
    _tag: "Hedge",
    over: (asking) => {
      const inner = asked(asking)
      const guard: Guard = (request, attempt, running) => {
        if (!mayBeHedged(request, idempotencyHeader)) return inner(request, attempt, running)
        const paid = budget === undefined
          ? Effect.succeed(true)
          : Effect.flatMap(budgets.of(budget)(request), (budget) => RetryBudget.tryWithdraw(budget))
        return Effect.suspend(() => {
          const race = new Race(request, running)
          // An attempt that waits at a gate or in a queue is not slow, and a hedge would wait behind it.
          const withdraw = Effect.suspend(() => race.mayHedge ? paid : Effect.succeed(false))
          const one = race.attempt(inner, attempt)
          const raced = Keyed.use(all, key(request), (hedge) => Hedge.protect(one, hedge, { withdraw, nested }))
          return Effect.mapError(raced, (error) => error instanceof Beaten ? error.failed : error)
        })
      }
      return { guard, run: attempts.run }
    }
  })
}

/**
 * An attempt that failed while another one was in flight. Its response is released, and the call never fails with it.
 */
class Beaten {
  constructor(readonly failed: FailedAttempt) {}
}

const isBeaten = (error: unknown): boolean => error instanceof Beaten

/** A rejected attempt was not made. The running attempt continues, and the call fails with its failure. */
const isRejection = (error: unknown): boolean =>
  error instanceof FailedAttempt && error.refusal !== undefined && Option.isNone(error.failure)

/** The attempts beside each other. */
class Race {
  /** The number of requests that were sent, and the number of their attempts that have not failed. */
  private sent = 0
  private underWay = 0
  /** After this, no request is sent. */
  private hasFailed = false
  /** The end of the pause that the server asked for, by the monotonic clock. */
  private pausedUntilNanos = BigInt(0)

  constructor(readonly request: HttpClientRequest.HttpClientRequest, readonly running: Pipeline.Running) {}

  get mayHedge(): boolean {
    return this.sent > 0 && !this.hasFailed
  }

  attempt<R>(
    inner: Guard,
    attempt: Attempt<FailedAttempt, R>
  ): Attempt<FailedAttempt | Beaten, R> {
    return Effect.suspend(() => {
      let isSent = false
      const sent = Effect.suspend(() => {
        if (this.hasFailed) return this.tooLate
        isSent = true
        this.sent++
        this.underWay++
        return Effect.catchAll(attempt, (failed) => {
          // Before the release of a permit that a hedge waits for.
          this.hasFailed = true
          return Effect.fail(failed)
        })
      })
      return Effect.catchAll(
        inner(this.request, sent, this.running),
        (failed) => isSent ? this.fail(failed) : Effect.fail(failed)
      )
    })
  }

  /** The end of a hedge that still waited when the other attempt failed. */
  private get tooLate(): Effect.Effect<never, FailedAttempt> {
    const origin = { _tag: "Cause", cause: Cause.empty } as const
    return Effect.fail(new FailedAttempt(this.request, Option.none(), origin, "retryAfter"))
  }

  private fail(failed: FailedAttempt): Effect.Effect<never, FailedAttempt | Beaten> {
    this.underWay--
    const isRetryable = Option.exists(failed.failure, ({ retryable }) => retryable)
    if (!isRetryable) return Effect.fail(failed)
    if (this.underWay === 0) return this.sent === 1 ? Effect.fail(failed) : this.last(failed)
    return Effect.flatMap(Clock.currentTimeNanos, (now) => {
      const pausedUntil = now + retryAfterNanos(failed)
      if (pausedUntil > this.pausedUntilNanos) this.pausedUntilNanos = pausedUntil
      return Effect.zipRight(this.release(failed), Effect.fail(new Beaten(failed)))
    })
  }

  /** A hedge may wait for the connection of this response, so it is not kept until the race is over. */
  private release({ response }: FailedAttempt): Effect.Effect<void> {
    return response === undefined ? Effect.void : drain.drain(response, drain.defaults, this.running.deadlineMillis)
  }

  /** The failure of the call. Its `retryAfter` is the longest wait that a server has asked any of the attempts for. */
  private last(failed: FailedAttempt): Effect.Effect<never, FailedAttempt> {
    return Effect.flatMap(Clock.currentTimeNanos, (now) => {
      const left = this.pausedUntilNanos - now
      const longer = left > retryAfterNanos(failed) ? Option.some(Duration.nanos(left)) : Option.none()
      return Effect.fail(failed.among(this.sent - 1, longer))
    })
  }
}

const retryAfterNanos = ({ failure }: FailedAttempt): bigint =>
  Option.getOrElse(
    Option.flatMap(failure, ({ retryAfter }) => Option.flatMap(retryAfter, Duration.toNanos)),
    () => BigInt(0)
  )

import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as FiberId from "effect/FiberId"
import * as deadline from "../deadline.js"
import type { Link } from "./link.js"

/**
 * The first exchange of a member. Calls wait until it has ended, or until the time of the store is over.
 *
 * @internal
 */
export class Joining {
  private readonly done = Deferred.unsafeMake<void>(FiberId.none)
  private sinceMillis: number | undefined
  private isOver = false

  constructor(readonly link: Link) {}

  readonly end: Effect.Effect<void> = Effect.suspend(() => {
    this.isOver = true
    return Effect.asVoid(Deferred.succeed(this.done, undefined))
  })

  /** Waits until it has ended, within the deadline of the caller; `undefined` if no wait is needed. */
  wait(now: number): Effect.Effect<void> | undefined {
    if (this.isOver || !this.link.isUp) return undefined
    this.sinceMillis ??= now
    // A clock that moved backwards does not extend it.
    const left = Math.min(this.sinceMillis + this.link.timeoutMillis - now, this.link.timeoutMillis)
    if (left <= 0) return undefined
    return Effect.withFiberRuntime((fiber) => {
      const millis = Math.max(Math.min(left, deadline.of(fiber) - now), 0)
      const ended = Effect.timeoutOption(Deferred.await(this.done), Duration.millis(millis))
      // Fibers that were woken before, by what ended it, go first.
      return Effect.zipRight(ended, Effect.yieldNow())
    })
  }
}

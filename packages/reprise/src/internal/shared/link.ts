import * as Cause from "effect/Cause"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as InvalidOption from "../../InvalidOption.js"
import { StoreError } from "../../StoreError.js"
import { currentMonotonicMillis } from "../effect/clock.js"
import * as timeout from "../timeout.js"

/** A link writes at most so many lines in so long. */
const maxLines = 10
const lineMillis = 60_000

/**
 * The connection to a store, which may be anybody's. A store that does not answer costs one wait and one line in the log: until
 * it answers again, no call waits for it.
 *
 * @internal
 */
export class Link {
  isUp = true
  /** The next member that is asked first while the store is away. */
  turn = 0
  private lines = 0
  private linesSince = -Infinity

  constructor(
    /** The thing that is shared, as a person would call it: the beginning of a sentence. */
    readonly what: string,
    readonly timeoutMillis: number
  ) {}

  /** A store that fails in turns must not fill the log. */
  log(line: (message: string) => Effect.Effect<void>, message: string): Effect.Effect<void> {
    return Effect.flatMap(currentMonotonicMillis, (now) => {
      if (Math.abs(now - this.linesSince) >= lineMillis) {
        this.linesSince = now
        this.lines = 0
      }
      if (++this.lines > maxLines) return Effect.void
      return line(this.lines < maxLines ? message : `${message} (Further lines are left out for up to a minute.)`)
    })
  }
}

/**
 * A link to a store whose own numbers are in range; throws `InvalidOption` otherwise.
 *
 * @internal
 */
export const make = (what: string, timeoutOf: Duration.Duration): Link =>
  new Link(what, InvalidOption.millis("store.timeout", timeoutOf, { moreThan: 0 }))

/** @internal */
export const syncMillis = (interval: Duration.Duration): number =>
  InvalidOption.millis("store.syncInterval", interval, { moreThan: 0 })

/**
 * Asks the store, checks the answer, and notes whether it answered. A store that throws, dies, interrupts itself or answers with
 * no effect is away, like one that does not answer.
 *
 * @internal
 */
export const ask = <A>(
  link: Link,
  question: () => Effect.Effect<A, StoreError>,
  check: (answer: unknown) => A
): Effect.Effect<A, StoreError> =>
  Effect.matchEffect(timeout.timeoutFail(checked(question, check), link.timeoutMillis, () => late(link)), {
    onSuccess: (answer) => link.isUp ? Effect.succeed(answer) : Effect.as(up(link), answer),
    onFailure: (error) => {
      // An answer that cannot be read was an answer all the same.
      const isUp = error.reason === "unreadable"
      return isUp === link.isUp ? error : Effect.zipRight(isUp ? up(link) : down(link, error), error)
    }
  })

const checked = <A>(
  question: () => Effect.Effect<A, StoreError>,
  check: (answer: unknown) => A
): Effect.Effect<A, StoreError> =>
  // Disconnected: a store that cannot be interrupted must not hold up the caller.
  Effect.disconnect(Effect.suspend(() => {
    const answer: unknown = question()
    return Effect.isEffect(answer) ? answer as Effect.Effect<unknown, unknown> : Effect.die(noEffect)
  })).pipe(
    Effect.catchAllCause((cause) => broken(cause)),
    Effect.flatMap((answer) => Effect.try({ try: () => check(answer), catch: asStoreError }))
  )

const noEffect = new Error("it returned no effect")

/** @internal */
export const asStoreError = (error: unknown): StoreError =>
  error instanceof StoreError
    ? error
    : new StoreError({ reason: "unreadable", description: "its answer cannot be read" })

/**
 * Not the interruption of the caller: that one skips this handler.
 *
 * @internal
 */
export const broken = (cause: Cause.Cause<unknown>): StoreError => {
  const error = Cause.squash(cause)
  if (error instanceof StoreError) return error
  const message = Cause.isInterruptedOnly(cause) ? "it was interrupted" : short(error)
  return new StoreError({ reason: "unavailable", description: `the store died: ${message}` })
}

const short = (error: unknown): string => {
  try {
    return String(error instanceof Error ? error.message : error).slice(0, 200)
  } catch {
    return "an error without a message"
  }
}

/** How many ask at once. */
const concurrency = 16

/**
 * Asks for each member, several at once. While the store does not answer, one asks for all, and another one each time.
 *
 * @internal
 */
export const each = <A>(
  link: Link,
  all: ReadonlyArray<A>,
  exchange: (one: A) => Effect.Effect<unknown>
): Effect.Effect<void> => {
  if (all.length === 0) return Effect.void
  const at = link.isUp ? 0 : link.turn++ % all.length
  const [first, ...rest] = [...all.slice(at), ...all.slice(0, at)]
  return Effect.zipRight(
    exchange(first!),
    Effect.forEach(rest, (one) => link.isUp ? exchange(one) : Effect.void, { concurrency, discard: true })
  )
}

/**
 * Gives a member that leaves the time of one answer to tell what it knows. In a fiber of its own: a finalizer cannot be
 * interrupted, and neither could a timeout in it.
 *
 * @internal
 */
export const farewell = (link: Link, effect: Effect.Effect<unknown>): Effect.Effect<void> =>
  link.isUp
    ? Effect.flatMap(
      Effect.forkDaemon(Effect.interruptible(timeout.timeoutFail(effect, link.timeoutMillis, () => undefined))),
      (fiber) => Effect.asVoid(fiber.await)
    )
    : Effect.void

const late = ({ timeoutMillis }: Link): StoreError =>
  new StoreError({ reason: "unavailable", description: `no answer within ${timeoutMillis} ms` })

const up = (link: Link): Effect.Effect<void> =>
  Effect.suspend(() => {
    link.isUp = true
    return link.log(Effect.logInfo, `${link.what}: shared with other processes again`)
  })

const down = (link: Link, error: StoreError): Effect.Effect<void> =>
  Effect.suspend(() => {
    link.isUp = false
    return link.log(Effect.logWarning, `${link.what}: each process goes on by itself. ${error.message}`)
  })

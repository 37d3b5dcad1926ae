import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import type * as Scope from "effect/Scope"
import { maxDelayMillis } from "../../InvalidOption.js"
import type { StoreError } from "../../StoreError.js"
import { currentMonotonicMillis, monotonicMillis } from "../effect/clock.js"
import * as answers from "./answers.js"
import { Bell } from "./bell.js"
import { Joining } from "./joining.js"
import * as link from "./link.js"
import { listen } from "./listen.js"
import { type Due, leftMillis, Outbox } from "./outbox.js"
import * as SharedPauses from "./pauses.js"
import type * as RetryAfterStore from "./pauseStore.js"

/** The time to gather pauses after a publication. */
const gatherMillis = 100

/** The time between two requests to a store that does not answer. */
const retryMillis = 1_000

/** @internal */
export interface Settings {
  readonly maxMillis: number
  readonly capacity: number
  readonly onPause: SharedPauses.Options["onPause"]
}

/**
 * A member that shares pauses with others.
 *
 * @internal
 */
export class Member implements SharedPauses.SharedPauses {
  readonly [SharedPauses.TypeId]: typeof SharedPauses.TypeId = SharedPauses.TypeId
  readonly bell = new Bell()
  readonly outbox: Outbox
  readonly joining: Joining
  /** Whether pauses of other members may be missing here. */
  isBehind = false
  isRefused = false
  isOver = false

  constructor(
    readonly store: RetryAfterStore.Service,
    readonly link: link.Link,
    /** The name of this member. */
    readonly name: string,
    readonly settings: Settings
  ) {
    this.outbox = new Outbox(settings.capacity)
    this.joining = new Joining(this.link)
  }
}

/** @internal */
export const pause = (self: Member, key: string, millis: number): Effect.Effect<void> =>
  Effect.withFiberRuntime((fiber) => {
    const bounded = Math.min(millis, self.settings.maxMillis)
    if (self.isOver || !(bounded > 0)) return Effect.void
    const isFirst = self.outbox.isEmpty
    self.outbox.put(key, bounded, monotonicMillis(fiber))
    // While the store is away, a pause does not cause a request.
    if (isFirst || self.link.isUp) self.bell.ring()
    return Effect.void
  })

/**
 * Exchanges pauses while the scope is open. It returns after it has received the current pauses, or after the timeout
 * of the store.
 *
 * @internal
 */
export const run = (self: Member): Effect.Effect<void, never, Scope.Scope> =>
  Effect.zipRight(
    Effect.addFinalizer(() => leave(self)),
    Effect.forEach([rounds(self), listening(self)], (task) => Effect.forkScoped(Effect.interruptible(task)), {
      discard: true
    })
  ).pipe(Effect.zipRight(Effect.flatMap(currentMonotonicMillis, (now) => self.joining.wait(now) ?? Effect.void)))

/** Publishes nothing from now on. */
const leave = (self: Member): Effect.Effect<void> =>
  Effect.suspend(() => {
    self.isOver = true
    return Effect.zipRight(
      link.farewell(self.link, Effect.suspend(() => tellAll(self))),
      Effect.sync(() => self.outbox.clear())
    )
  })

/** Keeps the sharing alive after any failure. */
const survive = (self: Member, effect: Effect.Effect<void>): Effect.Effect<void> =>
  Effect.catchAllDefect(effect, (defect) => Effect.logError(`${self.link.what}: a defect`, defect))

const rounds = (self: Member): Effect.Effect<never> =>
  Effect.forever(Effect.zipRight(
    Effect.suspend(() => self.bell.wait(self.outbox.isEmpty && !self.isBehind ? maxDelayMillis : retryMillis)),
    Effect.zipRight(survive(self, Effect.suspend(() => round(self))), Effect.sleep(Duration.millis(gatherMillis)))
  ))

const listening = (self: Member): Effect.Effect<never> =>
  listen(
    self.link,
    () => self.store.changes,
    answers.pauseChange,
    (change) => {
      if (change._tag === "Paused") return change.member === self.name ? Effect.void : survive(self, hear(self, change))
      return Effect.sync(() => {
        self.isBehind = true
        self.bell.ring()
      })
    },
    // The stream begins with `Missed`.
    self.joining.end
  )

const hear = (self: Member, { key, millis }: RetryAfterStore.Pause): Effect.Effect<void> => {
  const bounded = Math.min(millis, self.settings.maxMillis)
  return bounded > 0 ? self.settings.onPause(key, Duration.millis(bounded)) : Effect.void
}

/** Receives first, and then publishes. */
const round = (self: Member): Effect.Effect<void> =>
  Effect.flatMap(
    self.isBehind ? Effect.zipLeft(catchUp(self), self.joining.end) : Effect.succeed(true),
    (isAnswered) => isAnswered ? tellAll(self) : Effect.void
  )

const tellAll = (self: Member): Effect.Effect<void> =>
  Effect.flatMap(currentMonotonicMillis, (now) => link.each(self.link, self.outbox.due(now), (due) => tell(self, due)))

/** Returns whether the store answered. */
const catchUp = (self: Member): Effect.Effect<boolean> =>
  Effect.flatMap(currentMonotonicMillis, (asked) => {
    // Before the request, so that a message lost after it causes another request.
    self.isBehind = false
    return Effect.flatMap(
      Effect.either(askAll(self)),
      Either.match({
        onLeft: (error) =>
          Effect.sync(() => {
            // Pauses that cannot be read now are published again later.
            if (error.reason !== "unreadable") self.isBehind = true
            return error.reason !== "unavailable"
          }),
        onRight: (pauses) =>
          Effect.flatMap(currentMonotonicMillis, (now) => {
            // Counted from the request, so that the request does not extend a pause.
            const late = Math.max(now - asked, 0)
            const heard = Effect.forEach(
              pauses,
              ({ key, millis }) => survive(self, hear(self, { key, millis: millis - late })),
              { discard: true }
            )
            return Effect.as(heard, true)
          })
      })
    )
  })

const tell = (self: Member, [key, pause]: Due): Effect.Effect<void> =>
  Effect.flatMap(currentMonotonicMillis, (now) => {
    const millis = leftMillis(pause, now)
    const done = Effect.sync(() => self.outbox.done(key, pause))
    if (millis === 0) return done
    return Effect.matchEffect(ask(self, () => self.store.pause({ key, millis, member: self.name }), answers.nothing), {
      onSuccess: () => done,
      onFailure: ({ reason }) => reason === "unreadable" ? done : Effect.void
    })
  })

/** Reads all pauses, without the invalid ones. */
const askAll = (self: Member): Effect.Effect<ReadonlyArray<RetryAfterStore.Pause>, StoreError> =>
  Effect.suspend(() => {
    const { capacity } = self.settings
    const refused: Array<unknown> = []
    const check = answers.pauses(capacity, (error) => refused[0] = error)
    return Effect.tap(ask(self, () => self.store.pauses(capacity), check), () =>
      refused.length === 0
        ? Effect.void
        : self.link.keyLines.write(
          Effect.logWarning,
          `${self.link.what}: a pause is left out. ${link.asStoreError(refused[0]).message}`
        ))
  })

const ask = <A>(
  self: Member,
  question: () => Effect.Effect<A, StoreError>,
  check: (answer: unknown) => A
): Effect.Effect<A, StoreError> =>
  link.ask(self.link, question, check).pipe(
    Effect.tap(() => Effect.sync(() => self.isRefused = false)),
    Effect.tapError((error) => link.refused(self.link, self, `${self.link.what}:`, error))
  )

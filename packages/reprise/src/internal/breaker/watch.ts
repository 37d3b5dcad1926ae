import * as Effect from "effect/Effect"
import * as Mailbox from "effect/Mailbox"
import * as Stream from "effect/Stream"
import { monotonicMillis } from "../effect/clock.js"
import { type Breaker, type Era, nameOf } from "./breaker.js"
import type * as CircuitBreaker from "./model.js"
import type { Registry } from "./registry.js"

type Transition = CircuitBreaker.Transition

/**
 * The current state, and then the changes from `subscribe`, in order. Both belong to one step, so that nothing between
 * them is lost.
 *
 * A consumer that is more than `capacity` behind loses the oldest. The subscription ends with its consumer.
 */
const live = <A>(
  capacity: number,
  subscribe: (listener: (element: A) => void, nowMillis: number) => {
    readonly first: ReadonlyArray<A>
    readonly stop: () => void
  }
): Stream.Stream<A> =>
  Stream.unwrapScoped(Effect.map(
    Effect.acquireRelease(
      Effect.flatMap(Mailbox.make<A>({ capacity, strategy: "sliding" }), (mailbox) =>
        Effect.withFiberRuntime<Subscription<A>>((fiber) => {
          const listener = (element: A) =>
            void mailbox.unsafeOffer(element)
          return Effect.succeed({ mailbox, ...subscribe(listener, monotonicMillis(fiber)) })
        })),
      ({ stop }) =>
        Effect.sync(stop)
    ),
    ({ first, mailbox }) => Stream.concat(Stream.fromIterable(first), Mailbox.toStream(mailbox))
  ))

interface Subscription<A> {
  readonly mailbox: Mailbox.Mailbox<A>
  readonly first: ReadonlyArray<A>
  readonly stop: () => void
}

/**
 * The era, within the current step.
 *
 * @internal
 */
export const eraOf = (self: Breaker): Era => self.era.current

/** The current state, as a transition to itself. */
const standing = (self: Breaker, atMillis: number): Transition => {
  const era = eraOf(self)
  const { state } = era
  const name = nameOf(era)
  const trip = state._tag === "Closed" ? undefined : state.trip
  return { key: self.key, from: name, to: name, generation: state.generation, atMillis, trip }
}

/** @internal */
export const changes = (self: Breaker): Stream.Stream<Transition> =>
  live(64, (listener, now) => {
    self.listeners = [...self.listeners, listener]
    return {
      first: [standing(self, now)],
      stop: () => {
        self.listeners = self.listeners.filter((other) => other !== listener)
      }
    }
  })

/** @internal */
export const changesOfAll = <K>(self: Registry<K>): Stream.Stream<readonly [key: K, transition: Transition]> =>
  live(1_024, (listener: (change: readonly [key: K, transition: Transition]) => void, now) => {
    self.listeners.add(listener)
    return {
      first: Array.from(self.entries, ([key, { value }]) => [key, standing(value, now)] as const),
      stop: () => {
        self.listeners.delete(listener)
      }
    }
  })

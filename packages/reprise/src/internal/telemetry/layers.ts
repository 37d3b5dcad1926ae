import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Mailbox from "effect/Mailbox"
import * as Stream from "effect/Stream"
import * as current from "./current.js"
import { type Event, ListenerTypeId } from "./event.js"
import { type Observer, Observers } from "./observers.js"
import type { Scope as TelemetryScope, ScopedListener } from "./scope.js"
import { makeCall } from "./watch.js"

/** The most events that wait for a slow consumer. */
const capacity = 1_024

/** The scope with one more observer. */
const addTo = (own: TelemetryScope | undefined, observer: Observer): TelemetryScope => {
  return new Observers([...own instanceof Observers ? own.all : [], observer], makeCall)
}

/**
 * Adds an observer.
 *
 * @internal
 */
export const layer = (observer: Observer): Layer.Layer<never> => current.layer(observer, addTo)

/** @internal */
export const locally = <A, E, R>(
  self: Effect.Effect<A, E, R>,
  onEvent: (event: Event) => void
): Effect.Effect<A, E, R> => current.locally(self, { onEvent }, addTo)

/**
 * Observes the calls of one pipeline.
 *
 * @internal
 */
export class PipelineListener implements ScopedListener {
  readonly [ListenerTypeId]: typeof ListenerTypeId = ListenerTypeId
  private readonly observer: Observer

  constructor(onEvent: (event: Event) => void) {
    this.observer = { onEvent }
  }

  within(outer: TelemetryScope | undefined): TelemetryScope {
    return addTo(outer, this.observer)
  }
}

/**
 * Events for one consumer. A slow consumer loses the oldest, and receives their number.
 *
 * @internal
 */
export class Delivery {
  private dropped = 0

  constructor(private readonly mailbox: Mailbox.Mailbox<Event>) {}

  offer(event: Event): void {
    const before = this.mailbox.unsafeSize()
    this.mailbox.unsafeOffer(event)
    if (before._tag === "Some" && before.value >= capacity) this.dropped++
  }

  get stream(): Stream.Stream<Delivered> {
    return Stream.map(Mailbox.toStream(this.mailbox), (event) => {
      const { dropped } = this
      this.dropped = 0
      return { event, dropped }
    })
  }
}

/**
 * An event, and the number of events dropped since the one before it.
 *
 * @since 3.1.0
 * @category models
 */
export interface Delivered {
  readonly event: Event
  readonly dropped: number
}

/** @internal */
export const queue: Effect.Effect<Delivery> = Effect.map(
  Mailbox.make<Event>({ capacity, strategy: "sliding" }),
  (mailbox) => new Delivery(mailbox)
)

/**
 * Runs an effect for each event, one after the other, in a fiber of the layer.
 *
 * @internal
 */
export const background = <R>(
  onEvent: (event: Event) => Effect.Effect<unknown, unknown, R>
): Layer.Layer<never, never, R> =>
  Layer.unwrapScoped(Effect.gen(function*() {
    const own = yield* queue
    let isReported = false
    const report = (cause: Cause.Cause<unknown>) =>
      Effect.suspend(() => {
        if (isReported || Cause.isInterruptedOnly(cause)) return Effect.void
        isReported = true
        return Effect.logWarning("Telemetry: a listener failed. Later errors of it are ignored.", cause)
      })
    const run = Stream.runForEach(own.stream, ({ dropped, event }) =>
      Effect.zipRight(
        dropped === 0
          ? Effect.void
          : Effect.logWarning(`Telemetry: a listener is slow; ${dropped} events were dropped`),
        Effect.catchAllCause(Effect.suspend(() => onEvent(event)), report)
      ))
    // The listener's own calls have no observers, or it would receive its own events for ever.
    yield* Effect.forkScoped(current.silent(run))
    return layer({ onEvent: (event) => own.offer(event) })
  }))

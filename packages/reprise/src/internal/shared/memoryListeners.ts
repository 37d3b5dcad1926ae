import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Queue from "effect/Queue"
import * as Stream from "effect/Stream"

// Internal all the same; without the tag, so that the tests of this module see its types (`stripInternal`).

/** The most changes that wait for a slow listener. */
const capacity = 256

/**
 * The listeners of every change. A slow one receives `Missed` in place of lost changes, and delays no other listener.
 */
export class Listeners<Change> {
  readonly queues = new Set<Queue.Queue<Change>>()

  constructor(
    readonly missed: Change,
    /** Whether a new listener first receives `Missed`. */
    readonly isLate = false
  ) {}

  tell(change: Change): void {
    for (const queue of this.queues) {
      const size = Option.getOrElse(queue.unsafeSize(), () => Infinity)
      // Nothing is lost behind a `Missed`: its reader reads all state again.
      if (size <= capacity) queue.unsafeOffer(size < capacity ? change : this.missed)
    }
  }

  readonly changes: Stream.Stream<Change> = Stream.unwrapScoped(
    Effect.map(
      Effect.acquireRelease(
        Effect.tap(Queue.unbounded<Change>(), (queue) =>
          Effect.sync(() => {
            if (this.isLate) queue.unsafeOffer(this.missed)
            this.queues.add(queue)
          })),
        (queue) => Effect.zipRight(Effect.sync(() => this.queues.delete(queue)), Queue.shutdown(queue))
      ),
      (queue) => Stream.fromQueue(queue)
    )
  )
}

import * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as Telemetry from "reprise/Telemetry"
import { Recent } from "./decisions.js"
import type { Samples } from "./sample.js"

/**
 * Afterwards the browser connects again. So a server that stops need not wait for viewers, and each viewer is
 * authorized again.
 */
const samplesPerConnection = 10

const reconnectMillis = 500

/**
 * Server-sent events: a sample each second, or a comment if nothing has changed.
 *
 * @internal
 */
export const stream = (samples: Samples): Stream.Stream<Uint8Array, never, Telemetry.Monitor> =>
  Stream.unwrapScoped(Effect.gen(function*() {
    const { events } = yield* Telemetry.Monitor
    const recent = new Recent()
    let dropped = 0
    const collect = Stream.runForEach(events, (delivered) =>
      Effect.sync(() => {
        dropped += delivered.dropped
        recent.add(delivered.event)
      }))
    yield* Effect.forkScoped(collect)
    let before = ""
    const message = Effect.map(samples.current, (sample) => {
      const json = JSON.stringify({ ...sample, decisions: recent.take(), dropped })
      const isSame = json === before
      before = json
      dropped = 0
      return isSame ? ": no change\n\n" : `data: ${json}\n\n`
    })
    return Stream.repeatEffectWithSchedule(message, Schedule.spaced("1 second")).pipe(
      Stream.take(samplesPerConnection),
      Stream.prepend(Chunk.of(`retry: ${reconnectMillis}\n\n`)),
      Stream.encodeText
    )
  }))

/**
 * Counts the connections.
 *
 * @internal
 */
export class Viewers {
  private count = 0

  constructor(private readonly max: number) {}

  /** Whether there was room. The place is free again when the request ends. */
  readonly enter: Effect.Effect<boolean, never, Scope.Scope> = Effect.acquireRelease(
    Effect.sync(() => {
      if (this.count >= this.max) return false
      this.count++
      return true
    }),
    (hasEntered) =>
      Effect.sync(() => {
        if (hasEntered) this.count--
      })
  )
}

import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as Queue from "effect/Queue"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type * as Redis from "../Redis.js"

/** The values of a channel's messages. */
interface Meaning<A> {
  /** Decodes JSON; `None` for a message that no member sends. */
  readonly decode: (message: unknown) => Option.Option<A>
  /** The value for messages that may be lost. */
  readonly missed: A
}

/** The most messages that wait for a slow consumer. */
const capacity = 1_024

/** One subscription, open while the stream has a consumer. */
class Upstream<A> {
  readonly queues = new Set<Queue.Queue<A>>()
  isListening = false
  fiber: Fiber.RuntimeFiber<void> | undefined

  constructor(readonly missed: A) {}

  tell(message: A): void {
    for (const queue of this.queues) {
      const size = Option.getOrElse(queue.unsafeSize(), () => Infinity)
      // Nothing is lost behind a `missed`: its consumer reads all state again.
      if (size <= capacity) queue.unsafeOffer(size < capacity ? message : this.missed)
    }
  }
}

const run = <A>(
  self: Upstream<A>,
  redis: Redis.Service,
  channel: string,
  understand: (message: string) => Effect.Effect<Option.Option<A>>
): Effect.Effect<void> => {
  const listening = Effect.sync(() => {
    self.isListening = true
    self.tell(self.missed)
  })
  // Its fiber ends with the connection.
  const onSubscribed = Effect.ensuring(
    Effect.zipRight(listening, Effect.never),
    Effect.sync(() => {
      self.isListening = false
    })
  )
  return Stream.runForEach(
    redis.subscribe(channel, { onSubscribed }),
    (message) => Effect.map(understand(message), Option.map((change) => self.tell(change)))
  )
}

const parse = Option.liftThrowable((message: string): unknown => JSON.parse(message))

/** Skips messages that it cannot decode, and logs the first of them. */
const understanding = <A>(channel: string, decode: Meaning<A>["decode"]) => {
  let isTold = false
  return (message: string): Effect.Effect<Option.Option<A>> => {
    const decoded = Option.flatMap(parse(message), decode)
    if (Option.isSome(decoded) || isTold) return Effect.succeed(decoded)
    isTold = true
    return Effect.as(
      Effect.logWarning(`Redis channel ${JSON.stringify(channel)}: skipping messages that no member has sent`),
      decoded
    )
  }
}

class Hub<A> {
  current: Upstream<A> | undefined

  constructor(
    readonly missed: A,
    readonly scope: Scope.Scope,
    readonly listen: (upstream: Upstream<A>) => Effect.Effect<void>
  ) {}

  join(queue: Queue.Queue<A>): Effect.Effect<Upstream<A>> {
    return Effect.suspend(() => {
      if (this.current !== undefined) {
        this.current.queues.add(queue)
        if (this.current.isListening) queue.unsafeOffer(this.missed)
        return Effect.succeed(this.current)
      }
      const upstream = this.current = new Upstream(this.missed)
      upstream.queues.add(queue)
      return Effect.map(Effect.forkIn(Effect.interruptible(this.listen(upstream)), this.scope), (fiber) => {
        upstream.fiber = fiber
        return upstream
      })
    })
  }

  leave(queue: Queue.Queue<A>, upstream: Upstream<A>): Effect.Effect<void> {
    return Effect.suspend(() => {
      upstream.queues.delete(queue)
      if (upstream.queues.size > 0 || upstream.fiber === undefined) return Queue.shutdown(queue)
      if (this.current === upstream) this.current = undefined
      return Effect.zipRight(Queue.shutdown(queue), Fiber.interrupt(upstream.fiber))
    })
  }
}

/**
 * The messages of a channel, over one connection for all consumers.
 *
 * Each consumer gets `missed` first, and again after every outage. From then on no message is missing. A slow consumer
 * loses messages, gets `missed`, and delays no other consumer.
 *
 * @internal
 */
export const make = <A>(
  redis: Redis.Service,
  channel: string,
  { decode, missed }: Meaning<A>
): Effect.Effect<Stream.Stream<A>, never, Scope.Scope> =>
  Effect.map(Effect.scope, (scope) => {
    const understand = understanding(channel, decode)
    const hub = new Hub(missed, scope, (upstream) => run(upstream, redis, channel, understand))
    const joined = Effect.flatMap(
      Queue.unbounded<A>(),
      (queue) => Effect.map(hub.join(queue), (upstream) => ({ queue, upstream }))
    )
    return Stream.unwrapScoped(
      Effect.map(
        Effect.acquireRelease(joined, ({ queue, upstream }) => hub.leave(queue, upstream)),
        ({ queue }) => Stream.fromQueue(queue)
      )
    )
  })

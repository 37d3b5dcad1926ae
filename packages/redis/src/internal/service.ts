import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Mailbox from "effect/Mailbox"
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as InvalidOption from "reprise/InvalidOption"
import type { Redis, Reply, Script } from "../Redis.js"
import { RedisError } from "../Redis.js"
import type { Driver } from "./connection.js"
import * as connection from "./connection.js"
import * as failure from "./failure.js"
import type { Settings, Target } from "./settings.js"
import { supervise } from "./supervise.js"

/** The connection of the commands, or why there is none: what every command fails with meanwhile. */
interface Link {
  current: connection.Connection | RedisError
}

const withConnection = <A>(
  link: Link,
  use: (connection: connection.Connection) => Effect.Effect<A, RedisError>
): Effect.Effect<A, RedisError> =>
  Effect.suspend(() => {
    const { current } = link
    if (current instanceof RedisError) return current
    // It takes a moment until the link knows.
    return current.error ?? connection.bounded(current, use(current))
  })

/** A script that the server does not know is sent whole, and known from then on. */
const evaluate = (self: connection.Connection, lua: string, sha1: string, rest: ReadonlyArray<string>) =>
  Effect.catchIf(
    connection.send(self, ["EVALSHA", sha1, ...rest]),
    (error) => error.code === "NOSCRIPT",
    () => connection.send(self, ["EVAL", lua, ...rest])
  )

const run = (link: Link, target: Target): Redis.Service["run"] =>
<A>(
  script: Script<A>,
  keys: ReadonlyArray<string>,
  args: ReadonlyArray<string | number>
) => {
  const { decode, lua, numberOfKeys } = script
  if (numberOfKeys !== undefined && keys.length !== numberOfKeys) {
    return Effect.die(
      new InvalidOption.InvalidOption({ option: "keys.length", value: keys.length, expected: String(numberOfKeys) })
    )
  }
  return withConnection(link, (connection) => {
    const rest = [String(keys.length), ...keys, ...args.map(String)]
    return Effect.flatMap(
      Effect.flatMap(script.sha1, (sha1) => evaluate(connection, lua, sha1, rest)),
      // The client libraries give for RESP2 what `Reply` says.
      (reply) => Option.getOrElse(Option.map(decode(reply as Reply), Effect.succeed), () => failure.unexpected(target))
    )
  })
}

const started = ({ startDegraded, target }: Settings, first: Deferred.Deferred<void, RedisError>) =>
  // Where Redis is there, the first calls should find it; where it is not, a start must not take long.
  startDegraded
    ? Deferred.await(first).pipe(Effect.ignore, Effect.timeoutOption(target.commandMillis))
    : Deferred.await(first)

/** How often a connection is tested: nothing need come over it for days, and callers may wait for less time than it takes to know. */
const heartbeatMillis = 5_000

const alive = (self: connection.Connection): Effect.Effect<never, RedisError> =>
  Effect.raceFirst(
    Deferred.await(self.lost),
    // Whatever is answered is an answer; where none comes, the connection is given up.
    Effect.forever(
      Effect.delay(Effect.ignore(connection.bounded(self, connection.send(self, ["PING"]))), heartbeatMillis)
    )
  )

/** Keeps the link up as long as the scope is open. */
const maintain = (link: Link, driver: Driver, settings: Settings): Effect.Effect<void, RedisError, Scope.Scope> =>
  Effect.gen(function*() {
    const { target } = settings
    const first = yield* Deferred.make<void, RedisError>()
    const down = (error: RedisError) => Effect.sync(() => link.current = failure.down(error))
    const supervised = supervise(driver, target, {
      name: "connection",
      prepare: () => Effect.void,
      use: (connection) => {
        link.current = connection
        return Effect.zipRight(Deferred.succeed(first, undefined), alive(connection))
      },
      onDown: (error) =>
        Effect.zipRight(down(error), Deferred.fail(first, error)).pipe(
          Effect.flatMap((isFirst) => isFirst && !settings.startDegraded ? error : Effect.void)
        )
    })
    yield* supervised.pipe(
      Effect.ensuring(down(failure.disconnected(target, "its layer has been closed"))),
      // Whoever builds the layer may not be interruptible; the end of its scope has to end this all the same.
      Effect.interruptible,
      Effect.forkScoped
    )
    yield* started(settings, first)
  })

/** The most messages that wait to be taken. */
const unread = 16_384

const subscribe = (driver: Driver, target: Target): Redis.Service["subscribe"] => (channel, options) =>
  Stream.unwrapScoped(Effect.gen(function*() {
    const mailbox = yield* Mailbox.make<string>({ capacity: unread, strategy: "sliding" })
    const onSubscribed = options?.onSubscribed ?? Effect.void
    const supervised = supervise(driver, target, {
      name: "subscription",
      prepare: (self) =>
        connection.subscribe(self, channel, (message) => {
          // What a lost connection still gives may come over the next one too.
          if (self.error === undefined) mailbox.unsafeOffer(message)
        }),
      use: (self) => Effect.scoped(Effect.zipRight(Effect.forkScoped(onSubscribed), alive(self))),
      onDown: () => Effect.void
    })
    yield* Effect.forkScoped(Effect.interruptible(supervised))
    return Mailbox.toStream(mailbox)
  }))

/** @internal */
export const make = (driver: Driver, settings: Settings): Effect.Effect<Redis.Service, RedisError, Scope.Scope> =>
  Effect.suspend(() => {
    const { target } = settings
    const link: Link = { current: failure.disconnected(target, "not connected yet") }
    const service: Redis.Service = {
      run: run(link, target),
      publish: (channel, message) =>
        withConnection(link, (self) => Effect.map(connection.send(self, ["PUBLISH", channel, message]), Number)),
      subscribe: subscribe(driver, target),
      ping: withConnection(link, (self) => Effect.asVoid(connection.send(self, ["PING"])))
    }
    return Effect.as(maintain(link, driver, settings), service)
  })

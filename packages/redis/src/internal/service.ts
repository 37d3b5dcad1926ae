import * as Effect from "effect/Effect"
import * as Mailbox from "effect/Mailbox"
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as InvalidOption from "reprise/InvalidOption"
import * as Redis from "../Redis.js"
import type { Driver } from "./connection.js"
import * as connection from "./connection.js"
import * as failure from "./failure.js"
import { Nodes } from "./nodes.js"
import type { Settings, Target } from "./settings.js"
import { alive, supervise } from "./supervise.js"

/** Sends the whole script if the server does not have it. Afterwards the server has it. */
const evaluate = (
  self: connection.Connection,
  isAsking: boolean,
  lua: string,
  sha1: string,
  rest: ReadonlyArray<string>
) =>
  Effect.catchIf(
    connection.sendTo(self, ["EVALSHA", sha1, ...rest], isAsking),
    (error) => error instanceof Redis.RedisError && error.code === "NOSCRIPT",
    () => connection.sendTo(self, ["EVAL", lua, ...rest], isAsking)
  )

const run = (nodes: Nodes, target: Target): Redis.Service["run"] =>
<A>(
  script: Redis.Script<A>,
  keys: ReadonlyArray<string>,
  args: ReadonlyArray<string | number>
) => {
  const { decode, lua, numberOfKeys } = script
  if (numberOfKeys !== undefined && keys.length !== numberOfKeys) {
    return Effect.die(
      new InvalidOption.InvalidOption({ option: "keys.length", value: keys.length, expected: String(numberOfKeys) })
    )
  }
  const rest = [String(keys.length), ...keys, ...args.map(String)]
  return Effect.flatMap(
    nodes.ask(
      keys[0],
      (connection, isAsking) => Effect.flatMap(script.sha1, (sha1) => evaluate(connection, isAsking, lua, sha1, rest))
    ),
    // The client libraries return values of `Reply` for RESP2.
    (reply) =>
      Option.getOrElse(Option.map(decode(reply as Redis.Reply), Effect.succeed), () => failure.unexpected(target))
  )
}

/** The most messages that wait for the consumer. */
const unread = 16_384

const subscribe = (driver: Driver, nodes: Nodes): Redis.Service["subscribe"] => (channel, options) =>
  Stream.unwrapScoped(Effect.gen(function*() {
    const mailbox = yield* Mailbox.make<string>({ capacity: unread, strategy: "sliding" })
    const onSubscribed = options?.onSubscribed ?? Effect.void
    const supervised = supervise(driver, () => nodes.target, {
      name: "subscription",
      prepare: (self) =>
        connection.subscribe(self, channel, (message) => {
          // The last messages of a lost connection may come over the next one too.
          if (self.error === undefined) mailbox.unsafeOffer(message)
        }),
      use: (self) => Effect.scoped(Effect.zipRight(Effect.forkScoped(onSubscribed), alive(self))),
      onDown: () => Effect.void
    })
    yield* Effect.forkScoped(Effect.interruptible(supervised))
    return Mailbox.toStream(mailbox)
  }))

/** @internal */
export const make = (
  driver: Driver,
  { startDegraded, target }: Settings
): Effect.Effect<Redis.Service, Redis.RedisError, Scope.Scope> =>
  Effect.flatMap(Effect.scope, (scope) => {
    const nodes = new Nodes(driver, target, scope)
    // Any node of a cluster will do: a message reaches the subscribers of every node.
    const send = (...args: ReadonlyArray<string>) => nodes.ask(undefined, (self) => connection.send(self, args))
    const service: Redis.Service = {
      run: run(nodes, target),
      publish: (channel, message) => Effect.map(send("PUBLISH", channel, message), Number),
      subscribe: subscribe(driver, nodes),
      ping: Effect.asVoid(send("PING"))
    }
    return Effect.as(nodes.start(startDegraded), service)
  })

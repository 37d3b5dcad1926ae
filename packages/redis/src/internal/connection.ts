import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as FiberId from "effect/FiberId"
import * as Redacted from "effect/Redacted"
import type * as Scope from "effect/Scope"
import * as Redis from "../Redis.js"
import { type Redirection, redirection } from "./cluster.js"
import * as failure from "./failure.js"
import type { Target } from "./settings.js"

/** One connection as a client library gives it, which is never connected again. */
export interface Client {
  readonly connect: () => Promise<unknown>
  readonly send: (args: ReadonlyArray<string>) => Promise<unknown>
  readonly subscribe: (channel: string, onMessage: (message: string) => void) => Promise<unknown>
  /** Closes it at once, whatever its state; what was sent is rejected. */
  readonly destroy: () => void
}

/** What a client library has to do. */
export interface Driver {
  /** The client of a connection that is not open yet. `onLost` is called with the cause when it cannot be used any more. */
  readonly make: (target: Target, onLost: (cause: unknown) => void) => Client
  /** Whether a rejection is an error that the server answered. */
  readonly isReply: (error: unknown) => error is Error
}

/** @internal */
export class Connection {
  readonly lost = Deferred.unsafeMake<never, Redis.RedisError>(FiberId.none)
  readonly client: Client
  /** Why it cannot be used any more. */
  error: Redis.RedisError | undefined = undefined
  /** How many answers have come. */
  replies = 0
  /** Whether the server says that it belongs to no cluster. */
  isAlone = false

  constructor(readonly driver: Driver, readonly target: Target) {
    this.client = driver.make(target, (cause) => this.lose(failure.ofSocket(target, cause)))
  }

  /** The first cause is the one that tells most: what follows are rejections of what was under way. */
  lose(error: Redis.RedisError): Redis.RedisError {
    if (this.error === undefined) {
      this.error = error
      Deferred.unsafeDone(this.lost, Effect.fail(error))
    }
    return this.error
  }
}

const rejected = <E>(
  self: Connection,
  error: unknown,
  ofReply: (text: string) => E | Redis.RedisError
): E | Redis.RedisError => {
  if (!self.driver.isReply(error)) return self.lose(failure.ofSocket(self.target, error))
  self.replies++
  const answered = ofReply(error.message)
  // A primary that has become a replica stays one, while its name may already lead to the new primary.
  if (answered instanceof Redis.RedisError && answered.code === "READONLY") self.lose(failure.down(answered))
  return answered
}

const ask = <E = never>(
  self: Connection,
  promise: () => Promise<unknown>,
  ofReply: (text: string) => E | Redis.RedisError
): Effect.Effect<unknown, E | Redis.RedisError> =>
  Effect.async((resume) => {
    promise().then(
      (reply) => {
        self.replies++
        resume(Effect.succeed(reply))
      },
      (error) => resume(Effect.fail(rejected(self, error, ofReply)))
    )
  })

/** @internal */
export const send = (self: Connection, args: ReadonlyArray<string>): Effect.Effect<unknown, Redis.RedisError> =>
  ask(self, () => self.client.send(args), (text) => failure.ofReply(self.target, text))

/**
 * What is about a key, which another node may have.
 *
 * @internal
 */
export const sendTo = (
  self: Connection,
  args: ReadonlyArray<string>,
  isAsking: boolean
): Effect.Effect<unknown, Redis.RedisError | Redirection> =>
  ask<Redirection>(
    self,
    () => {
      // With nothing between them: it is about the next command only.
      if (isAsking) self.client.send(["ASKING"]).catch(() => {})
      return self.client.send(args)
    },
    (text) => redirection(text, self.target) ?? failure.ofReply(self.target, text)
  )

/**
 * The answer, where the server gives one.
 *
 * @internal
 */
export const attempt = (self: Connection, args: ReadonlyArray<string>): Effect.Effect<unknown, Redis.RedisError> =>
  Effect.catchIf(send(self, args), ({ reason }) => reason === "reply", () => Effect.succeed(undefined))

/** @internal */
export const subscribe = (
  self: Connection,
  channel: string,
  onMessage: (message: string) => void
): Effect.Effect<unknown, Redis.RedisError> =>
  ask(self, () => self.client.subscribe(channel, onMessage), (text) => failure.ofReply(self.target, text))

/**
 * Gives the effect the time of a command. A connection over which nothing came in that time is given up, for it may be one
 * of which only this side knows.
 *
 * @internal
 */
export const bounded = <A, E>(self: Connection, effect: Effect.Effect<A, E>): Effect.Effect<A, E | Redis.RedisError> =>
  Effect.suspend(() => {
    const before = self.replies
    // The time limit holds where the caller cannot be interrupted too: in a finalizer.
    return Effect.timeoutFail(Effect.interruptible(effect), {
      duration: self.target.commandMillis,
      onTimeout: () => {
        if (self.replies === before) self.lose(failure.silent(self.target))
        return failure.timeout(self.target)
      }
    })
  })

const credentials = ({ password, username }: Target): ReadonlyArray<string> => [
  ...(username === undefined ? [] : [Redacted.value(username)]),
  password === undefined ? "" : Redacted.value(password)
]

/** The libraries would do this too, each with its own ideas of what to print, to ignore and to try again. */
const handshake = (self: Connection): Effect.Effect<void, Redis.RedisError> => {
  const { target } = self
  const step = (name: "AUTH" | "SELECT" | "PING", ...args: ReadonlyArray<string>) =>
    ask(self, () => self.client.send([name, ...args]), (text) => failure.ofHandshake(target, name, text))
  const isAnonymous = target.username === undefined && target.password === undefined
  return (isAnonymous ? Effect.void : step("AUTH", ...credentials(target))).pipe(
    Effect.zipRight(target.database === 0 ? Effect.void : step("SELECT", String(target.database))),
    // Without a password this is the first thing that tells whether one is needed. A user who may not ask is one, too.
    Effect.zipRight(Effect.catchIf(step("PING"), ({ code }) => code === "NOPERM", () => Effect.void)),
    Effect.zipRight(attempt(self, ["INFO", "server"])),
    // Who is not told which version it is goes on: so it is with some that are managed.
    Effect.flatMap((info) => {
      self.isAlone = /^(redis|server)_mode:standalone/m.test(String(info))
      return failure.ofVersion(target, String(info)) ?? Effect.void
    })
  )
}

/**
 * A connection on which commands are answered and `prepare` has been done, within `connectMillis`.
 *
 * @internal
 */
export const open = (
  driver: Driver,
  target: Target,
  prepare: (connection: Connection) => Effect.Effect<unknown, Redis.RedisError>
): Effect.Effect<Connection, Redis.RedisError, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.sync(() => new Connection(driver, target)),
    (connection) => Effect.sync(() => connection.client.destroy())
  ).pipe(Effect.tap((connection) =>
    ask(connection, connection.client.connect, (text) => failure.ofHandshake(target, "PING", text)).pipe(
      Effect.zipRight(handshake(connection)),
      Effect.zipRight(prepare(connection)),
      Effect.raceFirst(Deferred.await(connection.lost)),
      Effect.timeoutFail({
        duration: target.connectMillis,
        onTimeout: () => connection.lose(failure.connectTimeout(target))
      })
    )
  ))

/** The TLS options as the client libraries take them. */
export const secure = ({ ca, key, ...rest }: Redis.Tls) => ({
  ...rest,
  ...(ca && { ca: typeof ca === "string" ? ca : [...ca] }),
  ...(key && { key: Redacted.value(key) })
})

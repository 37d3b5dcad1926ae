import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as FiberId from "effect/FiberId"
import * as Redacted from "effect/Redacted"
import type * as Scope from "effect/Scope"
import * as Redis from "../Redis.js"
import { type Redirection, redirection } from "./cluster.js"
import * as failure from "./failure.js"
import type { Target } from "./settings.js"

/** One connection of a client library, which never reconnects. */
export interface Client {
  readonly connect: () => Promise<unknown>
  readonly send: (args: ReadonlyArray<string>) => Promise<unknown>
  readonly subscribe: (channel: string, onMessage: (message: string) => void) => Promise<unknown>
  /** Closes the connection at once, in any state. Commands in flight are rejected. */
  readonly destroy: () => void
}

/** The interface that each client library must implement. */
export interface Driver {
  /**
   * Makes the client of a connection, not open yet. It calls `onLost` with the cause when the connection is unusable.
   */
  readonly make: (target: Target, onLost: (cause: unknown) => void) => Client
  /** Whether a rejection is an error reply of the server. */
  readonly isReply: (error: unknown) => error is Error
}

/** @internal */
export class Connection {
  readonly lost = Deferred.unsafeMake<never, Redis.RedisError>(FiberId.none)
  readonly client: Client
  /** The reason why the connection is unusable. */
  error: Redis.RedisError | undefined = undefined
  /** The number of replies so far. */
  replies = 0
  /** Whether the server says that it belongs to no cluster. */
  isAlone = false

  constructor(readonly driver: Driver, readonly target: Target) {
    this.client = driver.make(target, (cause) => this.lose(failure.ofSocket(target, cause)))
  }

  /** Keeps the first cause, which says most: the rejections of commands in flight follow it. */
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
 * Sends a command for a key, which another node may have.
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
      // No other command may come between them: it applies to the next command only.
      if (isAsking) self.client.send(["ASKING"]).catch(() => {})
      return self.client.send(args)
    },
    (text) => redirection(text, self.target) ?? failure.ofReply(self.target, text)
  )

/**
 * The reply, or `undefined` if it is an error.
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
 * Limits the effect to the time of a command. If nothing arrived in that time, the connection is lost: the other side
 * may no longer know it.
 *
 * @internal
 */
export const bounded = <A, E>(self: Connection, effect: Effect.Effect<A, E>): Effect.Effect<A, E | Redis.RedisError> =>
  Effect.suspend(() => {
    const before = self.replies
    // The time limit also applies if the caller cannot be interrupted, as in a finalizer.
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

/** The libraries could do this too, but each has its own rules for logs, ignored errors and retries. */
const handshake = (self: Connection): Effect.Effect<void, Redis.RedisError> => {
  const { target } = self
  const step = (name: "AUTH" | "SELECT" | "PING", ...args: ReadonlyArray<string>) =>
    ask(self, () => self.client.send([name, ...args]), (text) => failure.ofHandshake(target, name, text))
  const isAnonymous = target.username === undefined && target.password === undefined
  return (isAnonymous ? Effect.void : step("AUTH", ...credentials(target))).pipe(
    Effect.zipRight(target.database === 0 ? Effect.void : step("SELECT", String(target.database))),
    // Without a password, this is the first command that shows whether one is needed. A user without this permission
    // is logged in too.
    Effect.zipRight(Effect.catchIf(step("PING"), ({ code }) => code === "NOPERM", () => Effect.void)),
    Effect.zipRight(attempt(self, ["INFO", "server"])),
    // Continues if the server does not show its version, as some managed ones do not.
    Effect.flatMap((info) => {
      self.isAlone = /^(redis|server)_mode:standalone/m.test(String(info))
      return failure.ofVersion(target, String(info)) ?? Effect.void
    })
  )
}

/**
 * Opens a connection, runs `prepare`, and waits for a reply, all within `connectMillis`.
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

/** The TLS options in the form of the client libraries. */
export const secure = ({ ca, key, ...rest }: Redis.Tls) => ({
  ...rest,
  ...(ca && { ca: typeof ca === "string" ? ca : [...ca] }),
  ...(key && { key: Redacted.value(key) })
})

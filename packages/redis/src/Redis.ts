/**
 * Runs scripts and publishes messages on Redis for the shared policies, with any client library.
 *
 * `NodeRedis.layer` and `IoRedis.layer` make it. It works with Redis 5.0 and newer, and with Valkey: one server, one
 * endpoint in front of several, or a Redis Cluster.
 *
 * @since 3.1.0
 */
import * as Context from "effect/Context"
import * as Data from "effect/Data"
import type * as Duration from "effect/Duration"
import type * as Effect from "effect/Effect"
import type * as Option from "effect/Option"
import type * as Redacted from "effect/Redacted"
import type * as Stream from "effect/Stream"
import * as InvalidOption from "reprise/InvalidOption"
import { sha1 } from "./internal/sha1.js"

/**
 * A connection to Redis that reconnects on its own.
 *
 * No call waits longer than `commandTimeout`, even if the server or the network hangs. Without a connection a call
 * fails at once.
 *
 * @since 3.1.0
 * @category tags
 */
export class Redis extends Context.Tag("@reprise/redis/Redis")<Redis, Service>() {}

/**
 * @since 3.1.0
 * @category models
 */
export interface Service {
  /**
   * Runs a script in one round trip, or in two if the server does not have the script.
   *
   * After a `timeout`, or a `disconnected` during the call, the script may have run or not.
   */
  readonly run: <A>(
    script: Script<A>,
    keys: ReadonlyArray<string>,
    args: ReadonlyArray<string | number>
  ) => Effect.Effect<A, RedisError>
  /** Publishes a message, and returns the number of subscribers that the channel has now. */
  readonly publish: (channel: string, message: string) => Effect.Effect<number, RedisError>
  /**
   * The messages of a channel. The stream opens a connection of its own, and closes it at its end.
   *
   * The stream does not fail: it waits for Redis, and continues after an outage. Redis keeps no messages, so those
   * published during the outage are lost. `onSubscribed` runs when the subscription is back. If more than 16,384
   * messages wait for the consumer, the stream drops the oldest.
   */
  readonly subscribe: (channel: string, options?: {
    /**
     * Runs in its own fiber after each subscription: after the first one, and after every outage. Use it to read the
     * changes that the outage hid. It ends with the connection.
     */
    readonly onSubscribed?: Effect.Effect<void> | undefined
  }) => Stream.Stream<string>
  /** Succeeds if Redis answers. */
  readonly ping: Effect.Effect<void, RedisError>
}

/**
 * The address of Redis, and the limits of each wait. They are the same for each client library.
 *
 * @since 3.1.0
 * @category options
 */
export interface Options {
  /**
   * `redis://host:port/database`, or `rediss:` for TLS. The port defaults to 6379 and the database to 0. The URL may
   * hold user name and password (`redis://user:password@host`). Percent-encode their special characters.
   *
   * For a Redis Cluster, give the URL of any node, or a name that resolves to one. That node lists the others.
   */
  readonly url: string | Redacted.Redacted
  /** The name of the ACL user. Defaults to the one in the URL, then to Redis' own default user. */
  readonly username?: Redacted.Redacted | undefined
  /** Defaults to the one in the URL, then to none. */
  readonly password?: Redacted.Redacted | undefined
  /** The number of the database. Defaults to the one in the URL, then to 0. */
  readonly database?: number | undefined
  /** The settings of TLS, for a `rediss:` URL only. By default the client trusts the authorities that Node trusts. */
  readonly tls?: Tls | undefined
  /** The most time for a call. Defaults to 1 second. */
  readonly commandTimeout?: Duration.DurationInput | undefined
  /** The most time to connect, with TLS and authentication. Defaults to 5 seconds. */
  readonly connectTimeout?: Duration.DurationInput | undefined
  /**
   * If `true`, the layer starts even if Redis is away, and connects later. The start then waits for the connection, but
   * no longer than `commandTimeout`. Defaults to `false`.
   */
  readonly startDegraded?: boolean | undefined
}

/**
 * @since 3.1.0
 * @category options
 */
export interface Tls {
  /** The authorities to trust, in PEM. They replace those that Node trusts. */
  readonly ca?: string | ReadonlyArray<string> | undefined
  /** The certificate of the client, in PEM, for a server that requires one. */
  readonly cert?: string | undefined
  /** The private key of that certificate, in PEM. */
  readonly key?: Redacted.Redacted | undefined
  /** The name that the server's certificate must have. Defaults to the host of the URL. */
  readonly servername?: string | undefined
  /** `false` accepts any certificate, even an attacker's. Defaults to `true`. */
  readonly rejectUnauthorized?: boolean | undefined
}

/**
 * A call to Redis that failed.
 *
 * The error shows the server's address and codes. It never shows user names, passwords, keys, arguments or text of the
 * server.
 *
 * @since 3.1.0
 * @category errors
 */
export class RedisError extends Data.TaggedError("RedisError")<{
  /**
   * - `disconnected`: there is no connection, or it was lost during the call. Reprise reconnects on its own.
   * - `timeout`: no answer within `commandTimeout` (or `connectTimeout`). The command may have run.
   * - `refused`: wrong URL, user name, password or database, or a certificate that is not trusted. A person must fix
   *   it.
   * - `reply`: the server answered with an error, or a script with a value that `decode` does not accept.
   * - `node`: in a cluster, the node that holds the key is missing or did not answer. Other nodes still work.
   */
  readonly reason: "disconnected" | "timeout" | "refused" | "reply" | "node"
  /** `host:port`; empty if the URL is not valid. */
  readonly server: string
  /** The first word of the server's error (`OOM`, `READONLY`, `BUSY`), or Node's code (`ECONNREFUSED`). */
  readonly code: string | undefined
  /** The problem, and its remedy. */
  readonly description: string
}> {
  /**
   * @since 3.1.0
   */
  override get message(): string {
    return this.server === "" ? `Redis: ${this.description}` : `Redis at ${this.server}: ${this.description}`
  }
}

/**
 * The result of a script: Lua's whole numbers, strings and tables. `false` and `nil` become `null`, `true` becomes 1.
 *
 * @since 3.1.0
 * @category models
 */
export type Reply = string | number | null | ReadonlyArray<Reply>

/**
 * A Lua script and its result. Redis runs it as one step: no other command runs in between.
 *
 * @since 3.1.0
 * @category models
 */
export interface Script<out A> {
  readonly lua: string
  readonly numberOfKeys: number | undefined
  /** Returns `None` for a reply that the script cannot have sent. */
  readonly decode: (reply: Reply) => Option.Option<A>
  /** The SHA-1 of `lua` in hexadecimal, the server's name for the script. Computed once, on first use. */
  readonly sha1: Effect.Effect<string>
}

/**
 * @since 3.1.0
 * @category options
 */
export interface ScriptOptions<A> {
  /** The source. It must read the time with `redis.call("TIME")`, so that all processes use the same clock. */
  readonly lua: string
  /** A call with another number of keys dies with `InvalidOption`. Defaults to any number. */
  readonly numberOfKeys?: number | undefined
  /** Returns `None` for a reply that the script cannot have sent. The call then fails with a `RedisError`. */
  readonly decode: (reply: Reply) => Option.Option<A>
}

/**
 * Makes a script. The server receives it with the first call.
 *
 * Throws `InvalidOption` if `numberOfKeys` is not a whole number of at least 0.
 *
 * @example
 * ```ts
 * import { Effect, Option, Predicate } from "effect"
 * import * as Redis from "@reprise/redis/Redis"
 *
 * const increment = Redis.script({
 *   lua: `return redis.call("INCRBY", KEYS[1], ARGV[1])`,
 *   numberOfKeys: 1,
 *   decode: Option.liftPredicate(Predicate.isNumber)
 * })
 *
 * export const visited = (page: string) =>
 *   Effect.flatMap(Redis.Redis, (redis) => redis.run(increment, [`visits:${page}`], [1]))
 *
 * Effect.runPromise(increment.sha1).then(console.log) // => 7d6a962aa4923dd6a700f73ce6ad148d2fc16ec9
 * ```
 *
 * @since 3.1.0
 * @category constructors
 */
export const script = <A>(options: ScriptOptions<A>): Script<A> => ({
  lua: options.lua,
  numberOfKeys: options.numberOfKeys === undefined
    ? undefined
    : InvalidOption.integer("numberOfKeys", options.numberOfKeys, { min: 0 }),
  decode: options.decode,
  sha1: sha1(options.lua)
})

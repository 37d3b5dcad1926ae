/**
 * What the shared policies need of Redis, whichever client library speaks to it: scripts, and channels to announce on.
 *
 * Made by `NodeRedis.layer` or `IoRedis.layer`. Redis 5.0 and newer, and Valkey: one server, one endpoint in front of several,
 * or a Redis Cluster.
 *
 * @since 0.1.0
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
 * A connection to Redis that comes back by itself. No call of it waits longer than `commandTimeout`, whatever happens to the
 * server or the network: without a connection it fails at once.
 *
 * @since 0.1.0
 * @category tags
 */
export class Redis extends Context.Tag("@reprise/redis/Redis")<Redis, Service>() {}

/**
 * @since 0.1.0
 * @category models
 */
export interface Service {
  /**
   * Runs a script, in one round trip; in two where the server does not have it yet, or not any more.
   *
   * A `timeout`, and a `disconnected` that comes during the call, leave open whether the script ran.
   */
  readonly run: <A>(
    script: Script<A>,
    keys: ReadonlyArray<string>,
    args: ReadonlyArray<string | number>
  ) => Effect.Effect<A, RedisError>
  /** Sends a message to those who listen to the channel at this moment, and returns how many they are. */
  readonly publish: (channel: string, message: string) => Effect.Effect<number, RedisError>
  /**
   * The messages of a channel, over a connection that is opened with the stream and closed with it.
   *
   * It does not fail: it waits for Redis, and goes on after an outage. Redis keeps no messages, so those of the outage
   * are lost; `onSubscribed` is told when the channel is listened to again. Of more than 16,384 messages that were not
   * taken yet the oldest are dropped.
   */
  readonly subscribe: (channel: string, options?: {
    /**
     * Runs in a fiber of its own each time that the channel begins to be listened to: the first time, and after every
     * outage, when what was announced meanwhile has to be asked for. It ends with the connection.
     */
    readonly onSubscribed?: Effect.Effect<void> | undefined
  }) => Stream.Stream<string>
  /** Succeeds where Redis answers. */
  readonly ping: Effect.Effect<void, RedisError>
}

/**
 * Where Redis is, and how long to wait for it. The same for each client library.
 *
 * @since 0.1.0
 * @category options
 */
export interface Options {
  /**
   * `redis://host:port/database`, or `rediss:` for TLS. Port 6379 and database 0 where there is none. It may hold user name
   * and password (`redis://user:password@host`), their special characters percent-encoded.
   *
   * Of a Redis Cluster, any node, or a name that leads to one: it tells of the others.
   */
  readonly url: string | Redacted.Redacted
  /** The name of the ACL user. Defaults to that of the URL, or else to Redis' own default user. */
  readonly username?: Redacted.Redacted | undefined
  /** Defaults to that of the URL, or else to none. */
  readonly password?: Redacted.Redacted | undefined
  /** The number of the database. Defaults to that of the URL, or else to 0. */
  readonly database?: number | undefined
  /** How the server is verified; for a `rediss:` URL only. Defaults to the authorities that Node trusts. */
  readonly tls?: Tls | undefined
  /** How long a call may take. Defaults to 1 second. */
  readonly commandTimeout?: Duration.DurationInput | undefined
  /** How long it may take to connect, with TLS and authentication. Defaults to 5 seconds. */
  readonly connectTimeout?: Duration.DurationInput | undefined
  /**
   * Without Redis, to start all the same and connect when it comes, instead of failing. The start waits for the connection,
   * though no longer than `commandTimeout`. Defaults to `false`.
   */
  readonly startDegraded?: boolean | undefined
}

/**
 * @since 0.1.0
 * @category options
 */
export interface Tls {
  /** The authorities to trust, in PEM, in place of those that Node trusts. */
  readonly ca?: string | ReadonlyArray<string> | undefined
  /** The certificate of the client, in PEM, where the server asks for one. */
  readonly cert?: string | undefined
  /** The private key of that certificate, in PEM. */
  readonly key?: Redacted.Redacted | undefined
  /** The name that the certificate of the server has to bear. Defaults to the host of the URL. */
  readonly servername?: string | undefined
  /** `false` accepts any certificate, that of an attacker too. Defaults to `true`. */
  readonly rejectUnauthorized?: boolean | undefined
}

/**
 * Redis did not do what it was asked.
 *
 * It tells of the server's address and of codes, and never of user names, passwords, keys, arguments or text of the server.
 *
 * @since 0.1.0
 * @category errors
 */
export class RedisError extends Data.TaggedError("RedisError")<{
  /**
   * - `disconnected`: there is no connection, or it was lost during the call. It comes back by itself.
   * - `timeout`: no answer within `commandTimeout` (or `connectTimeout`). The command may have been executed.
   * - `refused`: wrong URL, user name, password or database, or a certificate that is not trusted: somebody has to act.
   * - `reply`: the server answered with an error, or a script with something that is not its to answer.
   * - `node`: the node of a cluster that has the key is away or did not answer, or there is none. Other nodes are there.
   */
  readonly reason: "disconnected" | "timeout" | "refused" | "reply" | "node"
  /** `host:port`; empty where the URL is not valid. */
  readonly server: string
  /** The first word of the server's error (`OOM`, `READONLY`, `BUSY`), or Node's code (`ECONNREFUSED`). */
  readonly code: string | undefined
  /** What happened, and what to do about it. */
  readonly description: string
}> {
  /**
   * @since 0.1.0
   */
  override get message(): string {
    return this.server === "" ? `Redis: ${this.description}` : `Redis at ${this.server}: ${this.description}`
  }
}

/**
 * What a script may answer: Lua's numbers (whole ones), strings and tables; `false` and `nil` are `null`, `true` is 1.
 *
 * @since 0.1.0
 * @category models
 */
export type Reply = string | number | null | ReadonlyArray<Reply>

/**
 * A Lua script and what it answers. Redis runs it as one step: nobody sees or does anything in between.
 *
 * @since 0.1.0
 * @category models
 */
export interface Script<out A> {
  readonly lua: string
  readonly numberOfKeys: number | undefined
  /** `None` for what the script does not answer. */
  readonly decode: (reply: Reply) => Option.Option<A>
  /** The SHA-1 of `lua` in hexadecimal, by which the server knows the script. Computed once, on first use. */
  readonly sha1: Effect.Effect<string>
}

/**
 * @since 0.1.0
 * @category options
 */
export interface ScriptOptions<A> {
  /** The source. It reads the time by `redis.call("TIME")`, so that all processes agree about it. */
  readonly lua: string
  /** With another number of keys a call dies with `InvalidOption`. Defaults to any number. */
  readonly numberOfKeys?: number | undefined
  /** `None` for what the script does not answer: the call fails with a `RedisError`. */
  readonly decode: (reply: Reply) => Option.Option<A>
}

/**
 * Makes a script. Nothing is sent: the server gets it with the first call.
 *
 * Throws `InvalidOption` for a number of keys that is none.
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
 * @since 0.1.0
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

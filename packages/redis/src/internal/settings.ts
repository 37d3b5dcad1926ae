import * as Either from "effect/Either"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as InvalidOption from "reprise/InvalidOption"
import * as Redis from "../Redis.js"
import { serverOf } from "./cluster.js"

/** The address to connect to, and the user to connect as. */
export interface Target {
  readonly host: string
  readonly port: number
  /** `host:port`, as in messages. */
  readonly server: string
  readonly username: Redacted.Redacted | undefined
  readonly password: Redacted.Redacted | undefined
  readonly database: number
  readonly tls: Redis.Tls | undefined
  readonly connectMillis: number
  readonly commandMillis: number
}

export interface Settings {
  readonly target: Target
  readonly startDegraded: boolean
}

/** The error shows no part of the URL: any part may be a piece of a password. */
const badUrl = (description: string) =>
  new Redis.RedisError({ reason: "refused", server: "", code: undefined, description })

const notAUrl = badUrl(
  "the URL is not valid; expected redis://host:port/database, or rediss: for TLS, with the special characters of a password " +
    "percent-encoded"
)

const noTls = badUrl("there are TLS options, but the URL is for a connection without TLS; expected rediss:")

type Place = Pick<Target, "host" | "port" | "username" | "password" | "database"> & { readonly isTls: boolean }

const secret = (text: string): Redacted.Redacted | undefined =>
  text === "" ? undefined : Redacted.make(decodeURIComponent(text))

/** Rejects a URL with `#` or `?`: in a password, either one would end the URL, and the host would be wrong. */
const place = (text: string): Option.Option<Place> => {
  const { hash, hostname, password, pathname, port, protocol, search, username } = new URL(text)
  const path = /^\/?(\d{0,9})$/.exec(pathname)
  if (protocol !== "redis:" && protocol !== "rediss:") return Option.none()
  if (path === null || hostname === "" || port === "0" || search !== "" || hash !== "") return Option.none()
  return Option.some({
    host: hostname.replace(/^\[(.*)\]$/, "$1"),
    port: port === "" ? 6379 : Number(port),
    username: secret(username),
    password: secret(password),
    database: Number(path[1]),
    isTls: protocol === "rediss:"
  })
}

const parse = Option.liftThrowable(place)

/**
 * Throws `InvalidOption` for a number or a duration out of range. A bad URL has an error of its own, which does not
 * show it.
 */
export const decode = (options: Redis.Options): Either.Either<Settings, Redis.RedisError> => {
  const commandMillis = InvalidOption.millis("commandTimeout", options.commandTimeout ?? 1_000, { moreThan: 0 })
  const connectMillis = InvalidOption.millis("connectTimeout", options.connectTimeout ?? 5_000, { moreThan: 0 })
  if (options.database !== undefined) InvalidOption.integer("database", options.database, { min: 0 })
  const url = Redacted.isRedacted(options.url) ? Redacted.value(options.url) : options.url
  const parsed = Option.flatten(parse(url))
  if (Option.isNone(parsed)) return Either.left(notAUrl)
  const { isTls, ...at } = parsed.value
  if (options.tls !== undefined && !isTls) return Either.left(noTls)
  return Either.right({
    startDegraded: options.startDegraded ?? false,
    target: {
      ...at,
      server: serverOf(at.host, at.port),
      username: options.username ?? at.username,
      password: options.password ?? at.password,
      database: options.database ?? at.database,
      tls: isTls ? options.tls ?? {} : undefined,
      connectMillis,
      commandMillis
    }
  })
}

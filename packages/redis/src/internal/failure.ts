import * as Predicate from "effect/Predicate"
import { RedisError } from "../Redis.js"
import type { Target } from "./settings.js"

/** Advice for common causes. Other causes show only their code. */
const socketCodes: Readonly<Record<string, string>> = {
  ECONNREFUSED: "nobody listens there",
  ECONNRESET: "the connection was lost",
  EPIPE: "the connection was lost",
  ENOTFOUND: "the host is not known",
  EAI_AGAIN: "the name of the host cannot be resolved for now",
  EHOSTUNREACH: "the host cannot be reached",
  ENETUNREACH: "the network cannot be reached",
  ETIMEDOUT: "the host does not answer"
}

const replyCodes: Readonly<Record<string, string>> = {
  BUSY: "another script has run for too long",
  CLUSTERDOWN: "the cluster is down: some of its slots have no node",
  CROSSSLOT: "the keys of a script must be in one slot of the cluster",
  LOADING: "it is still loading its data",
  MASTERDOWN: "it is a replica that has lost its primary",
  MISCONF: "it cannot save its data, and accepts no writes until it can",
  ASK: "the nodes of the cluster redirect the command to each other",
  MOVED: "the nodes of the cluster redirect the command to each other",
  NOPERM: "the user is not allowed to do this",
  OOM: "its memory is full; it needs a larger maxmemory, or a policy to evict keys",
  READONLY: "it is a replica, which accepts no writes"
}

const refusals: Readonly<Record<string, string>> = {
  DENIED: "it is in protected mode, and accepts only clients of its own machine",
  NOAUTH: "it requires a password, and the options have none",
  NOPERM: "the user is not allowed to do this",
  WRONGPASS: "user name or password are wrong"
}

const tlsCode =
  /^(ERR_TLS_|ERR_SSL_|ERR_OSSL_|EPROTO$|CERT_|CRL_|DEPTH_ZERO_|SELF_SIGNED_|UNABLE_TO_|HOSTNAME_MISMATCH$|INVALID_)/

const withCode = (description: string, code: string | undefined) =>
  code === undefined ? description : `${description} (${code})`

const make = (target: Target, reason: RedisError["reason"], description: string, code?: string): RedisError =>
  new RedisError({ reason, server: target.server, code, description: withCode(description, code) })

export const disconnected = (target: Target, description: string): RedisError =>
  make(target, "disconnected", description)

/** The error of a call without a connection, for any cause. */
export const down = ({ code, description, server }: RedisError): RedisError =>
  new RedisError({ reason: "disconnected", server, code, description })

export const silent = (target: Target): RedisError =>
  disconnected(target, `it did not answer for ${target.commandMillis} ms, so the connection was closed`)

export const timeout = (target: Target): RedisError =>
  make(target, "timeout", `no answer within ${target.commandMillis} ms; the command may have been executed`)

export const connectTimeout = (target: Target): RedisError => {
  const hint = target.tls === undefined ? "" : "; does it speak TLS on this port?"
  return make(target, "timeout", `not connected within ${target.connectMillis} ms${hint}`)
}

export const notInstalled = (target: Target, name: string): RedisError =>
  make(target, "refused", `the package "${name}" cannot be loaded; is it installed?`)

/** An error of one node of a cluster, while other nodes work. */
export const ofNode = ({ code, description, server }: RedisError): RedisError =>
  new RedisError({ reason: "node", server, code, description })

/** An error of the connection. */
export const ofSocket = (target: Target, error: unknown): RedisError => {
  const code = Predicate.hasProperty(error, "code") && typeof error.code === "string" ? error.code : undefined
  if (code !== undefined && target.tls !== undefined && tlsCode.test(code)) {
    return make(
      target,
      "refused",
      "the TLS connection failed; tls.ca must have the authority that signed the certificate",
      code
    )
  }
  const known = code === undefined ? undefined : socketCodes[code]
  return make(target, "disconnected", known ?? "the connection was closed", code)
}

/** Before Redis 7, the error of a command in a script comes after its position in the script. */
const code = /^(?:(?:ERR Error running script .*?)?@user_script: ?\d+: ?-?)?([A-Z][A-Z0-9]{1,19})(?= |$)/

/** The first word of the server's error, which is its code. The rest may hold keys and arguments. */
const codeOf = (text: string): string => code.exec(text)?.[1] ?? "ERR"

/** An error reply to a command. */
export const ofReply = (target: Target, text: string): RedisError => {
  const code = codeOf(text)
  if (text.startsWith("CLUSTERDOWN Hash slot")) return make(target, "node", "no node has the slot of the key", code)
  return make(target, "reply", replyCodes[code] ?? "it answered with an error", code)
}

/** Errors of the server itself: another key would have the same error. */
const ofServer = /^(BUSY|CLUSTERDOWN|LOADING|MASTERDOWN|MISCONF|NOAUTH|NOREPLICAS|READONLY)$/

export const isOfServer = ({ code, reason }: RedisError): boolean => reason !== "reply" || ofServer.test(code ?? "")

export const unexpected = (target: Target): RedisError =>
  make(target, "reply", "the script returned an unexpected value; is another version of it in use?")

/** The scripts need a Redis that lets a script read the time and then write. */
const needed = 5

/** The error if the version of Redis, or the version that the server claims, is too old. */
export const ofVersion = (target: Target, info: string): RedisError | undefined => {
  const [, found = "", major] = /^redis_version:((\d+)\.[\d.]+)/m.exec(info) ?? []
  return major !== undefined && Number(major) < needed
    ? make(target, "refused", `it is Redis ${found}, and this needs Redis ${needed}.0 or newer, or Valkey`)
    : undefined
}

/** An error reply to one of the commands at the start of a connection. */
export const ofHandshake = (target: Target, step: "AUTH" | "SELECT" | "PING", text: string): RedisError => {
  const code = codeOf(text)
  if (text.startsWith("ERR max number of clients")) {
    return make(target, "disconnected", "it has reached its limit of clients", code)
  }
  const known = refusals[code]
  if (known !== undefined) return make(target, "refused", known, code)
  if (step === "AUTH" && code === "ERR") {
    return make(target, "refused", "it has no password, but the options have one", code)
  }
  if (step === "SELECT") return make(target, "refused", `it has no database ${target.database}`, code)
  return ofReply(target, text)
}

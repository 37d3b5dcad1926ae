import * as Predicate from "effect/Predicate"
import { safely } from "./safely.js"

/**
 * One error in a chain of causes, reduced to the facts for a decision.
 *
 * @internal
 */
export interface Link {
  readonly name: string
  readonly code: string | undefined
  readonly syscall: string | undefined
  readonly message: string
  readonly stack: string | undefined
  /** Whether it is an error of Node's core or undici, and not one of a library that may follow redirects. */
  readonly isCore: boolean
}

/** @internal */
export const maxLinks = 32

const text = (value: unknown): string | undefined => typeof value === "string" ? value : undefined

/** Names and codes get into messages. Any other text of a foreign error does not. */
const word = (value: unknown): string | undefined => /^\w{1,64}$/.test(text(value) ?? "") ? text(value) : undefined

const read = (target: object, key: string): unknown =>
  safely(() => (target as Readonly<Record<string, unknown>>)[key], undefined)

/**
 * The names of errors of Node's core and undici. Bun puts the URL in `path`, or says that its proxy refused; node-fetch
 * and others have names of their own.
 */
const core = /^(Error|AggregateError|AbortError|ConnectTimeoutError|InvalidArgumentError|Socks5ProxyError)$/

/** If an error of Node's core says that a connection was refused, it names the system call. A copy does not. */
const isCopy = (name: string, code: string | undefined, syscall: string | undefined): boolean =>
  code === "ECONNREFUSED" && syscall !== "connect" && name !== "AggregateError"

const linkOf = (value: unknown): Link => {
  const of = (key: string) => Predicate.isObject(value) ? read(value, key) : undefined
  const name = word(of("name")) ?? ""
  const code = of("code")
  const syscall = word(of("syscall"))
  const message = text(of("message")) ?? (Predicate.isObject(value) ? "" : String(value))
  return {
    name,
    // DOMException has the number 20 for AbortError.
    code: code === 20 ? "ABORT_ERR" : word(code),
    syscall,
    message,
    stack: text(of("stack")),
    isCore: core.test(name) && text(of("path")) === undefined && !isCopy(name, word(code), syscall) &&
      !message.startsWith("Proxy refused")
  }
}

/**
 * The error, its causes and the errors of an `AggregateError`, outermost first. Bounded, cycles included.
 *
 * @internal
 */
export const links = (error: unknown): ReadonlyArray<Link> => {
  const found: Array<Link> = []
  const seen = new Set<unknown>()
  const visit = (value: unknown): void => {
    if (value === null || value === undefined || seen.has(value) || found.length >= maxLinks) return
    seen.add(value)
    found.push(linkOf(value))
    if (!Predicate.isObject(value)) return
    visit(read(value, "cause"))
    const errors = read(value, "errors")
    safely((): ReadonlyArray<unknown> => Array.isArray(errors) ? errors.slice(0, maxLinks) : [], []).forEach(visit)
  }
  visit(error)
  return found
}

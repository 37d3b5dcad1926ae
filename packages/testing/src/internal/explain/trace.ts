import * as HttpFailure from "@reprise/http/HttpFailure"
import * as HttpResilience from "@reprise/http/HttpResilience"
import type { Rejection } from "@reprise/http/ResilientHttpClient"
import * as Cause from "effect/Cause"
import * as Duration from "effect/Duration"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import * as Predicate from "effect/Predicate"
import * as Deadline from "reprise/Deadline"
import type * as Retry from "reprise/Retry"
import type * as Explain from "../../Explain.js"
import { noAnswer } from "./answers.js"
import type { Call, Exchange } from "./calls.js"
import { inWords } from "./reasons.js"

/** An attempt, from the ledger or from the requests on the wire. */
interface Line extends Pick<Explain.Attempt, "number" | "startMillis" | "durationMillis" | "delayMillis" | "reason"> {
  readonly failure: HttpFailure.HttpFailure | undefined
}

type Sent = ReadonlyMap<number, ReadonlyArray<Exchange>>

/** @internal */
export const of = (call: Call): Explain.Call => {
  const { endMillis, exchanges, number, startMillis } = call
  // The error of a call that the run ended is the run's.
  const error = call.neverEnds ? undefined : errorOf(call)
  const sent = new Map<number, ReadonlyArray<Exchange>>()
  for (const exchange of exchanges) sent.set(exchange.attempt, [...sent.get(exchange.attempt) ?? [], exchange])
  return {
    number,
    startMillis,
    durationMillis: endMillis - startMillis,
    attempts: linesOf(call, error, sent).map((line) => attempt(line, error, sent.get(line.number) ?? [])),
    result: result(call, error)
  }
}

const errorOf = ({ exit }: Call): unknown =>
  exit === undefined || Exit.isSuccess(exit) ? undefined : Option.getOrUndefined(Cause.failureOption(exit.cause))

/** The lines of the ledger, and lines from the wire for the attempts that the ledger leaves out. */
const linesOf = (call: Call, error: unknown, sent: Sent): ReadonlyArray<Line> => {
  const ledger = ledgerOf(call)
  const total = ledger.at(-1)?.number ?? Infinity
  const byNumber = new Map<number, Line>()
  for (const line of [...fromExchanges(call, error, sent), ...ledger.map(ofLedger)]) {
    if (line.number <= total) byNumber.set(line.number, line)
  }
  const lines = [...byNumber.values()].sort((a, b) => a.number - b.number)
  if (!call.neverEnds) return lines
  return [...lines.slice(0, -1), {
    ...lines.at(-1)!,
    failure: undefined,
    durationMillis: Infinity,
    reason: "neverEnds"
  }]
}

const ofLedger = (line: Retry.Attempt<HttpFailure.HttpFailure>): Line => ({
  number: line.number,
  startMillis: line.startMillis,
  durationMillis: Duration.toMillis(line.duration),
  failure: Option.getOrUndefined(line.failure),
  delayMillis: Option.getOrUndefined(Option.map(line.delay, Duration.toMillis)),
  reason: line.reason
})

const ledgerOf = (call: Call): Retry.Ledger<HttpFailure.HttpFailure> => {
  if (call.exit !== undefined && Exit.isSuccess(call.exit)) return HttpResilience.attempts(call.exit.value)
  const error = errorOf(call)
  const failure = error instanceof Deadline.DeadlineExceeded ? Option.getOrUndefined(error.last) : error
  if (HttpFailure.isHttpFailure(failure)) return failure.attempts
  // A policy may reject with any object, and a ledger is kept of each.
  return Predicate.isObject(error) ? HttpResilience.attempts(error as object as Rejection) : []
}

/** A client without a retry loop keeps no ledger, and an interrupted call loses it. */
const fromExchanges = (call: Call, error: unknown, sent: Sent): ReadonlyArray<Line> => {
  const spans = [...sent].map(([number, own]) => ({
    number,
    startMillis: own[0]!.startMillis,
    endMillis: Math.max(...own.map(({ endMillis }) => endMillis))
  }))
  const isOfRequest = isSuccess(call) || HttpFailure.isHttpFailure(error)
  const isOpen = call.neverEnds && call.exchanges.some(({ outcome }) => outcome === noAnswer)
  if (!isOfRequest && !isOpen) {
    // The last attempt was never sent: a policy rejected it, or held it back for ever.
    const startMillis = spans.at(-1)?.endMillis ?? call.startMillis
    spans.push({ number: spans.length + 1, startMillis, endMillis: call.endMillis })
  }
  return spans.map(({ endMillis, number, startMillis }, index): Line => {
    const next = spans[index + 1]
    return {
      number,
      startMillis,
      durationMillis: (next === undefined ? call.endMillis : endMillis) - startMillis,
      failure: next === undefined && HttpFailure.isHttpFailure(error) ? error : undefined,
      delayMillis: next && next.startMillis - endMillis,
      reason: next === undefined ? lastReason(call, error) : "unknown"
    }
  })
}

const isSuccess = ({ exit }: Call): boolean => exit !== undefined && Exit.isSuccess(exit)

const lastReason = (call: Call, error: unknown): Retry.Reason => {
  if (isSuccess(call)) return "success"
  if (HttpFailure.isHttpFailure(error)) return error.retryable ? "schedule" : "notRetryable"
  // Only the user's own rate limiter can fail with a value that is no object and has no ledger.
  return error === undefined ? "defect" : "rateLimited"
}

const attempt = ({ failure, ...line }: Line, callError: unknown, own: ReadonlyArray<Exchange>): Explain.Attempt => {
  const answered = own.filter(({ outcome }) => outcome !== noAnswer).at(-1)
  const status = failure === undefined ? answered?.step.status : "status" in failure ? failure.status : undefined
  const isFailed = line.delayMillis === undefined && line.reason !== "neverEnds" && line.reason !== "success"
  const error = failure?._tag ?? (isFailed ? tagOf(callError) : undefined)
  const code = failure && "code" in failure ? failure.code : undefined
  return {
    ...line,
    outcome: [status ?? code, error].filter(Boolean).join(" ") || (own.at(-1)?.outcome ?? "nothing sent"),
    status,
    error,
    sent: failure?.sent ?? (line.reason === "success" ? "yes" : own.length === 0 ? "no" : "maybe"),
    retryable: failure?.retryable ?? false,
    requests: own.map(({ endMillis, outcome, startMillis }) => ({
      startMillis,
      durationMillis: endMillis - startMillis,
      outcome
    })),
    why: inWords(line.reason)
  }
}

const result = ({ exit, neverEnds }: Call, error: unknown): Explain.Result => {
  if (neverEnds || exit === undefined) return { _tag: "NeverEnds" }
  if (Exit.isSuccess(exit)) return { _tag: "Success", status: exit.value.status }
  const status = HttpFailure.isHttpFailure(error) && "status" in error ? error.status : undefined
  const message = error instanceof Error
    ? error.message
    : error === undefined
    ? Cause.pretty(exit.cause)
    : String(error)
  return { _tag: "Failure", error: tagOf(error), status, message }
}

const tagOf = (error: unknown): string => {
  if (error === undefined) return "defect"
  return Predicate.hasProperty(error, "_tag") ? String(error._tag) : String(error)
}

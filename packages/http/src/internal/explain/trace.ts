import type * as HttpClientResponse from "@effect/platform/HttpClientResponse"
import * as Cause from "effect/Cause"
import * as Duration from "effect/Duration"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import * as Predicate from "effect/Predicate"
import * as Deadline from "reprise/Deadline"
import type { Attempt, Reason, Retry } from "reprise/Retry"
import type * as Explain from "../../HttpExplain.js"
import * as HttpFailure from "../../HttpFailure.js"
import * as ledgers from "../ledgers.js"
import type { Call } from "./calls.js"
import { inWords } from "./reasons.js"
import type { Exchange } from "./transport.js"

type Ledger = Retry.Ledger<HttpFailure.HttpFailure>

/** An attempt, as the ledger has it or as it can be told from what was sent. */
interface Line {
  readonly number: number
  readonly startMillis: number
  readonly durationMillis: number
  readonly failure: HttpFailure.HttpFailure | undefined
  readonly delayMillis: number | undefined
  readonly reason: Reason
}

/** @internal */
export const of = (call: Call): Explain.Call => {
  const { endMillis, number, startMillis } = call
  const lines = linesOf(call)
  return {
    number,
    startMillis,
    durationMillis: endMillis - startMillis,
    attempts: lines.map((line) => attempt(line, call)),
    result: result(call)
  }
}

const linesOf = (call: Call): ReadonlyArray<Line> => {
  const ledger = ledgerOf(call)
  const lines = ledgers.total(ledger) > ledger.length ? completed(ledger.map(ofLedger), call) : ledger.map(ofLedger)
  const last = lines.at(-1)
  if (last === undefined) return fromExchanges(call)
  if (!call.neverEnds) return lines
  return [...lines.slice(0, -1), { ...last, failure: undefined, durationMillis: Infinity, reason: "neverEnds" }]
}

/** The lines of a ledger, and what was sent for those that it left out. */
const completed = (lines: ReadonlyArray<Line>, call: Call): ReadonlyArray<Line> => {
  const known = new Set(lines.map(({ number }) => number))
  return [...lines, ...fromExchanges(call).filter(({ number }) => !known.has(number))].sort((a, b) =>
    a.number - b.number
  )
}

const ofLedger = (line: Attempt<HttpFailure.HttpFailure>): Line => ({
  number: line.number,
  startMillis: line.startMillis,
  durationMillis: Duration.toMillis(line.duration),
  failure: Option.getOrUndefined(line.failure),
  delayMillis: Option.getOrUndefined(Option.map(line.delay, Duration.toMillis)),
  reason: line.reason
})

const errorOf = ({ exit }: Call): unknown =>
  exit === undefined || Exit.isSuccess(exit) ? undefined : Option.getOrUndefined(Cause.failureOption(exit.cause))

const ledgerOf = (call: Call): Ledger => {
  if (call.exit !== undefined && Exit.isSuccess(call.exit)) return ledgers.get(call.exit.value)
  const error = errorOf(call)
  const failure = error instanceof Deadline.DeadlineExceeded ? Option.getOrUndefined(error.last) : error
  if (HttpFailure.isHttpFailure(failure)) return failure.attempts
  // What a guard rejects with may be anything; a ledger is kept of any object.
  return Predicate.isObject(error) ? ledgers.get(error as HttpClientResponse.HttpClientResponse) : []
}

/** A client that has no retry loop keeps no ledger, and that of a call that was interrupted is lost. */
const fromExchanges = (call: Call): ReadonlyArray<Line> => {
  const { exchanges } = call.caller
  const numbers = [...new Set(exchanges.map(({ attempt }) => attempt))]
  const sent = numbers.map((number) => span(number, exchanges.filter(({ attempt }) => attempt === number)))
  // What it was ended with is no failure of its own.
  const error = call.neverEnds ? undefined : errorOf(call)
  const isOfRequest = call.exit !== undefined && (Exit.isSuccess(call.exit) || HttpFailure.isHttpFailure(error))
  const endMillis = sent.at(-1)?.endMillis ?? call.startMillis
  const isOpen = call.neverEnds && exchanges.some(({ isAnswered }) => !isAnswered)
  // What came last was never sent: a guard rejects it, or holds it back for ever.
  if (!isOfRequest && !isOpen) sent.push({ number: sent.length + 1, startMillis: endMillis, endMillis: call.endMillis })
  return sent.map(({ endMillis, number, startMillis }, index): Line => {
    const next = sent[index + 1]
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

const span = (number: number, exchanges: ReadonlyArray<Exchange>) => ({
  number,
  startMillis: exchanges[0]!.startMillis,
  endMillis: Math.max(...exchanges.map(({ endMillis }) => endMillis))
})

const lastReason = (call: Call, error: unknown): Reason => {
  if (call.neverEnds) return "neverEnds"
  if (call.exit !== undefined && Exit.isSuccess(call.exit)) return "success"
  if (HttpFailure.isHttpFailure(error)) return error.retryable ? "schedule" : "notRetryable"
  // Of all guards, only a rate limiter of the program's own fails with what is no object.
  return error === undefined ? "defect" : "rateLimited"
}

const attempt = ({ failure, ...line }: Line, call: Call): Explain.Attempt => {
  const own = call.caller.exchanges.filter(({ attempt }) => attempt === line.number)
  const isOpen = line.reason === "neverEnds"
  const status = failure === undefined ? answeredBy(own) : "status" in failure ? failure.status : undefined
  const isLast = line.delayMillis === undefined && !isOpen && line.reason !== "success"
  const error = failure?._tag ?? (isLast ? tagOf(call) : undefined)
  return {
    ...line,
    outcome: [status ?? (failure && "code" in failure ? failure.code : undefined), error].filter(Boolean).join(" ") ||
      own.map(labelOf).at(-1) || "nothing sent",
    status,
    error,
    sent: failure?.sent ?? (line.reason === "success" ? "yes" : own.length === 0 ? "no" : "maybe"),
    retryable: failure?.retryable ?? false,
    requests: own.map((exchange) => ({
      startMillis: exchange.startMillis,
      durationMillis: (isOpen && !exchange.isAnswered ? Infinity : exchange.endMillis) - exchange.startMillis,
      outcome: labelOf(exchange)
    })),
    why: inWords(line.reason)
  }
}

const answeredBy = (exchanges: ReadonlyArray<Exchange>): number | undefined => {
  const step = exchanges.filter(({ isAnswered }) => isAnswered).at(-1)?.step
  return step?._tag === "Respond" ? step.status : undefined
}

const labelOf = ({ isAnswered, step }: Exchange): string => {
  if (!isAnswered) return "no answer"
  if (step._tag === "Fail") return step.failure
  return step.isCut ? "cutBody" : String(step.status)
}

const result = (call: Call): Explain.Result => {
  if (call.neverEnds || call.exit === undefined) return { _tag: "NeverEnds" }
  if (Exit.isSuccess(call.exit)) return { _tag: "Success", status: call.exit.value.status }
  const error = errorOf(call)
  const status = HttpFailure.isHttpFailure(error) && "status" in error ? error.status : undefined
  const message = error instanceof Error
    ? error.message
    : error === undefined
    ? Cause.pretty(call.exit.cause)
    : String(error)
  return { _tag: "Failure", error: tagOf(call), status, message }
}

const tagOf = (call: Call): string => {
  const error = errorOf(call)
  if (error === undefined) return "defect"
  return Predicate.hasProperty(error, "_tag") ? String(error._tag) : String(error)
}

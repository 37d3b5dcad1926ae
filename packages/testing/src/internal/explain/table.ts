import * as Duration from "effect/Duration"
import type { Attempt, Call, Explanation, WorstCase } from "../../Explain.js"

const time = (millis: number): string => {
  if (millis === Infinity) return "for ever"
  // Below 10 ms, jitter is all there is.
  const rounded = millis < 10 ? Math.round(millis * 10) / 10 : Math.round(millis)
  return rounded === 0 ? "0ms" : Number.isInteger(rounded) ? Duration.format(Duration.millis(rounded)) : `${rounded}ms`
}

/** @internal */
export const render = ({ calls, method, seed, totalMillis, url }: Explanation): string => {
  const isOne = calls.length === 1
  const rows = calls.flatMap((call) => call.attempts.map((attempt) => row(attempt, isOne ? [] : [String(call.number)])))
  const head = [...(isOne ? [] : ["call"]), "attempt", "at", "took", "outcome", "sent", "then"]
  const [only] = calls
  const summary = isOne && only !== undefined ? resultOf(only) : resultsOf(calls, totalMillis)
  return [`${method} ${url}, seed ${seed}`, ...aligned([head, ...rows]), `result: ${summary}`].join("\n")
}

const row = (attempt: Attempt, call: ReadonlyArray<string>): ReadonlyArray<string> => {
  const { delayMillis, durationMillis, number, reason, sent, startMillis, why } = attempt
  return [
    ...call,
    String(number),
    time(startMillis),
    time(durationMillis),
    outcomeOf(attempt),
    sent,
    delayMillis !== undefined ? `wait ${time(delayMillis)}: ${why}` : reason === "neverEnds" ? why : `end: ${why}`
  ]
}

const outcomeOf = ({ outcome, requests, startMillis }: Attempt): string => {
  const heldMillis = requests.length === 0 ? 0 : requests[0]!.startMillis - startMillis
  return [
    outcome,
    requests.length > 1 && `of ${requests.length} requests`,
    heldMillis > 0 && `held back ${time(heldMillis)}`
  ].filter(Boolean).join(", ")
}

const nameOf = ({ result }: Call): string =>
  result._tag === "NeverEnds" ? "never ends" : result._tag === "Success" ? String(result.status) : result.error

const count = (n: number, what: string): string => `${n} ${what}${n === 1 ? "" : "s"}`

const resultOf = (call: Call): string => {
  const tries = count(call.attempts.length, "attempt")
  return call.result._tag === "NeverEnds"
    ? `never ends, in attempt ${call.attempts.length}`
    : `${nameOf(call)} after ${tries} and ${time(call.durationMillis)}`
}

const resultsOf = (calls: ReadonlyArray<Call>, totalMillis: number): string => {
  const counts = new Map<string, number>()
  for (const call of calls) counts.set(nameOf(call), (counts.get(nameOf(call)) ?? 0) + 1)
  const requests = calls.flatMap(({ attempts }) => attempts).reduce((sum, { requests }) => sum + requests.length, 0)
  const kinds = [...counts].map(([name, n]) => `${n} x ${name}`).join(", ")
  return `${count(calls.length, "call")}: ${kinds}; ${count(requests, "request")} sent, ${time(totalMillis)}`
}

/** Makes columns as wide as their widest cell. The last column has no limit. */
const aligned = (rows: ReadonlyArray<ReadonlyArray<string>>): ReadonlyArray<string> => {
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)))
  return rows.map((row) => row.map((cell, column) => cell.padEnd(widths[column]!)).join("  ").trimEnd())
}

const unbounded = (n: number, show: (n: number) => string): string => n === Infinity ? "unbounded" : show(n)

const number = (n: number): string => unbounded(n, (n) => String(Math.round(n * 100) / 100))

/** @internal */
export const renderWorstCase = (worst: WorstCase): string => {
  const { amplification, attempts, attemptsIn, calls, everyMillis, guardedAmplification, longestIn, longestMillis } =
    worst
  const longest = unbounded(longestMillis, time)
  return [
    ...aligned([
      ["requests of one call", number(attempts), words[attemptsIn]],
      ["longest call", longest, words[longestIn]],
      ["load in an outage", number(amplification), "requests per call, while no guard rejects any"],
      [
        "with all guards",
        number(guardedAmplification),
        `requests per call, ${calls} calls, one every ${time(everyMillis)}`
      ]
    ]),
    `result: requests per call ${number(attempts)}, longest call ${longest}, load in an outage ${number(amplification)}`
  ].join("\n")
}

const words: Readonly<Record<WorstCase["attemptsIn"], string>> = {
  failing: "if every attempt fails at once",
  refused: "if no connection is made",
  hanging: "if the server never answers",
  asking: "if the server is slow, and asks for the longest accepted wait"
}

/** The scores side by side: the same rows for the terminal and for the report. */
import type { Score } from "./measure.js"
import type { BreakerScore } from "./outage.js"

export interface Row {
  readonly label: string
  readonly cells: ReadonlyArray<string>
}

const number = (n: number): string => Math.round(n).toLocaleString("en")

/** Says nothing of those that have no breaker. */
const ofBreaker = (cell: (breaker: BreakerScore) => number) => ({ outage }: Score): string =>
  outage.breaker === undefined ? "-" : number(cell(outage.breaker))

const columns: ReadonlyArray<readonly [label: string, cell: (score: Score) => string]> = [
  ["success rate", ({ calls, succeeded }) => `${(100 * succeeded / calls).toFixed(1)} %`],
  ["requests sent", ({ requests }) => number(requests)],
  ["orders charged twice or more", ({ chargedTwice }) => number(chargedTwice)],
  ["charges too many", ({ extraCharges }) => number(extraCharges)],
  ["wasted requests after a refusal", ({ wasted }) => number(wasted)],
  ["sockets left open", ({ openSockets }) => number(openSockets)],
  ["requests in the outage", ({ outage }) => number(outage.requests)],
  ["   seen by the server", ({ outage }) => number(outage.reached)],
  ["   most of these at once", ({ outage }) => number(outage.reachedAtOnce)],
  ["   probes of the breaker", ofBreaker(({ probes }) => probes.length)],
  ["   most of these at once", ofBreaker(({ probesAtOnce }) => probesAtOnce)],
  ["   calls held back", ofBreaker(({ heldBack }) => heldBack)],
  ["   calls turned away", ofBreaker(({ turnedAway }) => turnedAway)],
  ["p50 of a call", ({ p50Millis }) => `${number(p50Millis)} ms`],
  ["p99 of a call", ({ p99Millis }) => `${number(p99Millis)} ms`],
  ["failed: GET", ({ failed }) => number(failed.read)],
  ["failed: POST with a key", ({ failed }) => number(failed.keyed)],
  ["failed: POST without a key", ({ failed }) => number(failed.unkeyed)],
  ["   of these charged once", ({ failedButCharged }) => number(failedButCharged)]
]

export const rows = (scores: ReadonlyArray<Score>): ReadonlyArray<Row> =>
  columns.map(([label, cell]) => ({ label, cells: scores.map(cell) }))

/** Lines of text: the first column to the left, the others to the right. */
export const render = (header: ReadonlyArray<string>, lines: ReadonlyArray<ReadonlyArray<string>>): string => {
  const all = [header, ...lines]
  const widths = header.map((_, column) => Math.max(...all.map((line) => (line[column] ?? "").length)))
  const draw = (line: ReadonlyArray<string>) =>
    widths.map((width, column) => {
      const cell = line[column] ?? ""
      return column === 0 ? cell.padEnd(width) : cell.padStart(width)
    }).join("  ").trimEnd()
  return [draw(header), widths.map((width) => "-".repeat(width)).join("  "), ...lines.map(draw)].join("\n")
}

export const compare = (scores: ReadonlyArray<Score>): string =>
  render(["", ...scores.map((score) => score.name)], rows(scores).map(({ cells, label }) => [label, ...cells]))

/** Breaks a text into lines between its words. */
export const wrap = (text: string, width: number): string => {
  const lines: Array<string> = []
  for (const word of text.split(" ")) {
    const last = lines.at(-1)
    if (last === undefined || last.length + 1 + word.length > width) lines.push(word)
    else lines[lines.length - 1] = `${last} ${word}`
  }
  return lines.join("\n")
}

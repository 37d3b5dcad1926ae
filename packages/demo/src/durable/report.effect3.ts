/** The result of the payment run: for the terminal, and the promises that it broke. */
import * as table from "../table.js"
import type { Request } from "./Bank.effect3.js"
import type { Result } from "./run.effect3.js"

const distinct = <A>(values: ReadonlyArray<A>): number => new Set(values).size

const of = ({ requests }: Result, order: string): ReadonlyArray<Request> =>
  requests.filter((request) => request.order === order)

const keys = (result: Result): ReadonlyArray<number> =>
  result.orders.map((order) => distinct(of(result, order).map(({ key }) => key)))

const count = (result: Result, times: (charges: number) => boolean): number =>
  result.orders.filter((order) => times(result.charges.get(order) ?? 0)).length

/** Attempts that a process sent and another one, after a kill, had to send again. */
const sentAgain = (result: Result): number =>
  result.requests.length - distinct(result.requests.map(({ attempt, order }) => `${order}/${attempt}`))

const succeeded = ({ ended }: Result): number =>
  [...ended.values()].filter(({ receipt }) => receipt !== undefined).length

/** The rows of the table. */
export const rows = (result: Result): ReadonlyArray<readonly [label: string, value: number]> => [
  ["calls", result.orders.length],
  ["   that succeeded", succeeded(result)],
  ["kills of the process", result.kills],
  ["requests", result.requests.length],
  ["   charged, and their process killed before the answer", result.requests.filter(({ lost }) => lost).length],
  ["   sent again by the next process", sentAgain(result)],
  ["   for an order that the bank had charged already", result.requests.filter(({ isRepeat }) => isRepeat).length],
  ["most idempotency keys of a call", Math.max(...keys(result))],
  ["orders charged once", count(result, (charges) => charges === 1)],
  ["orders charged twice or more", count(result, (charges) => charges > 1)],
  ["orders not charged", count(result, (charges) => charges === 0)]
]

/** The promises that were not kept. */
export const broken = (result: Result): ReadonlyArray<string> => [
  ...(count(result, (charges) => charges > 1) > 0 ? ["A customer was charged twice."] : []),
  ...(count(result, (charges) => charges === 0) > 0 ? ["A customer was not charged."] : []),
  ...(keys(result).some((keys) => keys > 1) ? ["A call had two idempotency keys."] : []),
  ...(succeeded(result) < result.orders.length ? ["A call did not succeed."] : [])
]

/** The call with the most requests, of those that were charged just before a kill. */
const toldCall = (result: Result): string => {
  const weigh = (order: string) => {
    const requests = of(result, order)
    return 1_000 * requests.filter(({ lost }) => lost).length + requests.length
  }
  return result.orders.reduce((best, order) => weigh(order) > weigh(best) ? order : best)
}

const seconds = (millis: number): string => `${(millis / 1_000).toFixed(1)} s`

const meeting = ({ isRepeat, lost, outcome }: Request): string => {
  const booked = isRepeat ? outcome.replace("charged", "charged before") : outcome
  return lost ? `${booked}, and the process is killed` : booked
}

const story = (result: Result): string => {
  const order = toldCall(result)
  const lines = of(result, order).map((request) => [
    seconds(request.atMillis - result.startMillis),
    String(request.process),
    String(request.attempt),
    request.key.slice(0, 8),
    meeting(request)
  ])
  return `The requests for ${order}, as the bank saw them:\n\n` +
    table.render(["time", "process", "attempt", "key", "the bank"], lines)
}

export const render = (result: Result): string =>
  `${table.render(["", "durable calls"], rows(result).map(([label, value]) => [label, String(value)]))}\n\n${
    story(result)
  }`

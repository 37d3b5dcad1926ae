/** A payment API that means well: it honours `Idempotency-Key`, keeps its books, and has bad days. */
import type { RecordedRequest } from "@reprise/testing/FaultServer"
import * as Reply from "@reprise/testing/Reply"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import type { Call } from "../calls.js"
import * as weather from "./weather.js"

export interface Booking {
  readonly order: string
  /** Epoch milliseconds. */
  readonly atMillis: number
}

/** From when to when, in epoch milliseconds. */
export interface Span {
  readonly startMillis: number
  readonly endMillis: number
}

/** What the API has seen, for the judgement afterwards. */
export interface Books {
  readonly bookings: ReadonlyArray<Booking>
  /** The requests at the gateway while the service behind it was down. */
  readonly turnedBack: ReadonlyArray<Span>
  readonly requests: number
  /** Requests for an order that came before the `Retry-After` given for it had passed. */
  readonly tooEarly: number
}

export interface PaymentApi {
  readonly answer: (request: Pick<RecordedRequest, "method" | "path" | "headers">) => Effect.Effect<Reply.Reply>
  readonly books: Effect.Effect<Books>
  /** Whether there is a service behind the gateway. */
  readonly setServing: (isServing: boolean) => Effect.Effect<void>
}

const patienceMillis = 1000
const silence = "2 seconds"
/** How long the gateway looks for the service behind it. */
const gatewayPatience = "50 millis"

/** As long as the pages of some gateways are: more than a client takes in by itself. */
const errorPage = Reply.respond({
  status: 503,
  headers: { "content-type": "text/html" },
  body: `<!doctype html><title>503</title><p>Service Unavailable</p><!--${" ".repeat(128 * 1024)}-->`
})

const badGateway = Reply.json({ error: "nobody is behind this gateway" }, { status: 502 })

const asksForPatience = (status: 429 | 503) =>
  Reply.json({ error: "later, please" }, { status, headers: { "retry-after": String(patienceMillis / 1000) } })

export const make = (seed: string, calls: ReadonlyArray<Call>): PaymentApi => {
  const phases = new Map(calls.map((call) => [call.order, call.phase]))
  const visits = new Map<string, number>()
  const closedUntil = new Map<string, number>()
  const receipts = new Map<string, number>()
  const bookings: Array<Booking> = []
  const turnedBack: Array<Span> = []
  let isServing = true
  let requests = 0
  let tooEarly = 0

  /** The number of the receipt: a new one, or for a known key the one it got before. */
  const book = (order: string, key: string | undefined, atMillis: number): number => {
    const known = key === undefined ? undefined : receipts.get(key)
    if (known !== undefined) return known
    const receipt = bookings.push({ order, atMillis })
    if (key !== undefined) receipts.set(key, receipt)
    return receipt
  }

  const turnBack = Effect.acquireUseRelease(
    Clock.currentTimeMillis,
    () => Effect.delay(Effect.succeed(badGateway), gatewayPatience),
    (startMillis) =>
      Effect.map(Clock.currentTimeMillis, (endMillis) => void turnedBack.push({ startMillis, endMillis }))
  )

  const serve: PaymentApi["answer"] = ({ headers, method, path }) =>
    Effect.map(Clock.currentTimeMillis, (now) => {
      const order = path.split("/")[2] ?? ""
      if (now < (closedUntil.get(order) ?? 0)) {
        tooEarly++
        return asksForPatience(429)
      }
      const visit = (visits.get(order) ?? 0) + 1
      visits.set(order, visit)
      const fault = weather.fault(seed, phases.get(order) ?? "fair weather", order, visit)

      if (fault === "limited" || fault === "busy") {
        closedUntil.set(order, now + patienceMillis)
        return asksForPatience(fault === "limited" ? 429 : 503)
      }
      if (fault === "unavailable") return errorPage

      const done = method === "POST"
        ? Reply.json({ order, receipt: book(order, headers["idempotency-key"], now) }, { status: 201 })
        : Reply.json({ order, state: "open" })
      switch (fault) {
        case "unavailableLate":
          return errorPage
        case "reset":
          return Reply.reset()
        case "hang":
          return Reply.reset().pipe(Reply.delay(silence))
        case "cut":
          return Reply.truncate(done, { by: "reset" })
        default:
          return done
      }
    })

  return {
    answer: (request) =>
      Effect.suspend(() => {
        requests++
        return isServing ? serve(request) : turnBack
      }),
    books: Effect.sync(() => ({ bookings, turnedBack, requests, tooEarly })),
    setServing: (to) => Effect.sync(() => void (isServing = to))
  }
}

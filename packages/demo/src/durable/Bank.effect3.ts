/** The bank of the payment run: it fails in many ways, charges once per idempotency key, and records every request. */
import type { RecordedRequest } from "@reprise/testing/FaultServer"
import * as Reply from "@reprise/testing/Reply"
import * as Effect from "effect/Effect"
import { createHash } from "node:crypto"
import { now } from "../now.js"

export type Outcome = "charged" | "503" | "429" | "charged, then reset" | "charged, then 502"

export interface Request {
  readonly order: string
  readonly key: string
  /** The number of the attempt, from 1. */
  readonly attempt: number
  /** The process that sent it, from 1. */
  readonly process: number
  /** Epoch milliseconds. */
  readonly atMillis: number
  /** Whether the key had been charged before. */
  readonly isRepeat: boolean
  readonly outcome: Outcome
  /** Whether the process was killed before it had the answer. */
  lost: boolean
}

export interface Bank {
  readonly answer: (request: Pick<RecordedRequest, "path" | "headers">) => Effect.Effect<Reply.Reply>
  readonly requests: ReadonlyArray<Request>
  /** How often each order was charged. */
  readonly charges: ReadonlyMap<string, number>
  /** The requests that were charged and have no answer yet. */
  readonly unanswered: Effect.Effect<number>
  /** Marks these requests as lost: their process was killed. */
  readonly killed: Effect.Effect<void>
}

const waits = { "retry-after": "1" }

/** A number in [0, 1) that is always the same for the same name. */
const chance = (name: string): number => createHash("sha256").update(name).digest().readUInt32BE(0) / 2 ** 32

/** A bank that is asked often enough for one order answers it. */
const faultOf = (draw: number, visit: number): Outcome => {
  if (visit > 4 || draw >= 0.5) return "charged"
  if (draw < 0.15) return "503"
  if (draw < 0.2) return "429"
  return draw < 0.35 ? "charged, then reset" : "charged, then 502"
}

export const make = (seed: string): Bank => {
  const requests: Array<Request> = []
  const charges = new Map<string, number>()
  const receipts = new Map<string, number>()
  const unanswered = new Set<Request>()

  const charge = (order: string, key: string): number => {
    const known = receipts.get(key)
    if (known !== undefined) return known
    charges.set(order, (charges.get(order) ?? 0) + 1)
    receipts.set(key, receipts.size + 1)
    return receipts.size
  }

  const record = ({ headers, path }: Pick<RecordedRequest, "path" | "headers">): Request => {
    const order = path.split("/")[2] ?? ""
    const key = headers["idempotency-key"] ?? ""
    const visit = requests.filter((request) => request.order === order).length + 1
    const request: Request = {
      order,
      key,
      attempt: Number(headers["x-attempt"]),
      process: Number(headers["x-process"]),
      atMillis: now(),
      isRepeat: receipts.has(key),
      outcome: faultOf(chance(`${seed}/${order}/${visit}`), visit),
      lost: false
    }
    requests.push(request)
    return request
  }

  return {
    answer: (received) =>
      Effect.suspend(() => {
        const request = record(received)
        const { key, order, outcome } = request
        if (outcome === "503") return Effect.succeed(Reply.respond({ status: 503 }))
        if (outcome === "429") return Effect.succeed(Reply.respond({ status: 429, headers: waits }))
        const receipt = charge(order, key)
        unanswered.add(request)
        const reply = outcome === "charged, then reset"
          ? Reply.reset()
          : outcome === "charged, then 502"
          ? Reply.respond({ status: 502 })
          : Reply.json({ receipt }, { status: 201 })
        // Time for the worst moment: charged, and the answer is not sent.
        return Effect.delay(Effect.succeed(reply), 50 + 150 * chance(`${seed}/${order}`)).pipe(
          Effect.ensuring(Effect.sync(() => unanswered.delete(request)))
        )
      }),
    requests,
    charges,
    unanswered: Effect.sync(() => unanswered.size),
    killed: Effect.sync(() => {
      for (const request of unanswered) request.lost = true
    })
  }
}

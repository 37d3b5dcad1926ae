/** What goes wrong, and when: a pure function of the seed, the order and how often the order was asked for. */
import { createHash } from "node:crypto"
import type { Phase } from "../calls.js"

export type Fault =
  /** 503 with a long error page, from a gateway that never asked the service behind it. */
  | "unavailable"
  /** The same, but the service behind had booked the charge. */
  | "unavailableLate"
  /** 503 with `Retry-After: 1`: not processed. */
  | "busy"
  /** 429 with `Retry-After: 1`: not processed. */
  | "limited"
  /** Booked, then the connection is reset in place of an answer. */
  | "reset"
  /** Booked, then silence. */
  | "hang"
  /** Booked, then half of the answer. */
  | "cut"

type Shares = { readonly [fault in Fault]?: number }

const shares: { readonly [phase in Phase]: Shares } = {
  "fair weather": { reset: 0.01 },
  "503 storm": { unavailable: 0.25, unavailableLate: 0.05, busy: 0.1 },
  "rate limit": { limited: 0.25 },
  "bad network": { reset: 0.15, cut: 0.1, hang: 0.03 },
  outage: {},
  "second storm": { unavailable: 0.2, unavailableLate: 0.05, reset: 0.1 },
  "expired certificate": {},
  "fair again": {}
}

/** A number in [0, 1) that looks random and is always the same for the same name. */
const chance = (name: string): number => createHash("sha256").update(name).digest().readUInt32BE(0) / 2 ** 32

/** The fault of this visit (the first is 1), if any. A service that asked for patience once does not ask again. */
export const fault = (seed: string, phase: Phase, order: string, visit: number): Fault | undefined => {
  let left = chance(`${seed}/${order}/${visit}`)
  for (const [name, share] of Object.entries(shares[phase]) as Array<[Fault, number]>) {
    if (left < share) return visit > 1 && (name === "limited" || name === "busy") ? undefined : name
    left -= share
  }
  return undefined
}

/** The work: 2,000 logical calls of a shop, in eight phases of weather. Every contender gets the same ones. */

/** `read` is a GET; `keyed` a POST with an `Idempotency-Key`; `unkeyed` a POST without one. */
export type Kind = "read" | "keyed" | "unkeyed"

export type Phase =
  | "fair weather"
  | "503 storm"
  | "rate limit"
  | "bad network"
  | "outage"
  | "second storm"
  | "expired certificate"
  | "fair again"

export interface Call {
  readonly order: string
  readonly kind: Kind
  readonly phase: Phase
}

const plan: ReadonlyArray<readonly [phase: Phase, calls: number]> = [
  ["fair weather", 300],
  ["503 storm", 400],
  ["rate limit", 300],
  ["bad network", 400],
  ["outage", 200],
  ["second storm", 300],
  ["expired certificate", 40],
  ["fair again", 60]
]

export const phases: ReadonlyArray<Phase> = plan.map(([phase]) => phase)

/** Half of them read, a quarter pays with a key, a quarter without. */
const kinds: ReadonlyArray<Kind> = ["read", "keyed", "read", "unkeyed"]

/** The calls in order; `total` other than 2,000 keeps the shares of the phases. */
export const make = (total = 2000): ReadonlyArray<Call> => {
  const whole = plan.reduce((sum, [, calls]) => sum + calls, 0)
  let number = 0
  return plan.flatMap(([phase, calls]) =>
    Array.from({ length: Math.round(calls * total / whole) }, (): Call => {
      number++
      return { order: `order-${number}`, kind: kinds[number % kinds.length]!, phase }
    })
  )
}

// Internal all the same; without the tag, so that the tests of this module see its types (`stripInternal`).

/**
 * Whether a registry may drop a value.
 *
 * - `new`: it behaves as a new one would. The registry may drop it.
 * - `replaceable`: it has state, but a new one would admit no more. A full registry drops it if no value is new.
 * - `changed`: it has state, and no call uses it. The registry drops it only if it holds twice as many as it should.
 * - `busy`: a call or an operator uses it. The registry never drops it.
 */
export type Standing = "new" | "replaceable" | "changed" | "busy"

const severity: { readonly [S in Standing]: number } = { new: 0, replaceable: 1, changed: 2, busy: 3 }

/**
 * The method of a policy that returns its standing. It changes nothing.
 */
export const standing: unique symbol = Symbol.for("reprise/standing")

export interface Policy {
  readonly [standing]: (nowMillis: number) => Standing
}

const isPolicy = (value: object): value is Policy => standing in value

/**
 * A policy has its own standing. That of a record or an array of policies is the least replaceable of its fields.
 */
export const of = (value: unknown, nowMillis: number): Standing => {
  if (typeof value !== "object" || value === null) return "new"
  if (isPolicy(value)) return value[standing](nowMillis)
  let worst: Standing = "new"
  for (const field of Object.values(value)) {
    if (typeof field !== "object" || field === null || !isPolicy(field)) continue
    const own = field[standing](nowMillis)
    if (severity[own] > severity[worst]) worst = own
  }
  return worst
}

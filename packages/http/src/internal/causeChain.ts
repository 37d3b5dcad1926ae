/**
 * One error in a chain of causes, reduced to what can be decided from.
 *
 * @internal
 */
export interface Link {
  readonly name: string
  readonly code: string | undefined
  readonly syscall: string | undefined
  readonly message: string
}

const maxLinks = 32

const text = (value: unknown): string | undefined => typeof value === "string" ? value : undefined

/** A getter that throws, a revoked proxy: whatever is in a cause must not break the classifier. */
const read = (target: object, key: string): unknown => {
  try {
    return (target as Readonly<Record<string, unknown>>)[key]
  } catch {
    return undefined
  }
}

/**
 * The error, its causes and the errors of an `AggregateError`, outermost first. Bounded, cycles included.
 *
 * @internal
 */
export const links = (error: unknown): ReadonlyArray<Link> => {
  const found: Array<Link> = []
  const seen = new Set<unknown>()
  const visit = (value: unknown): void => {
    if (value === null || value === undefined || seen.has(value) || found.length >= maxLinks) return
    seen.add(value)
    if (typeof value !== "object" && typeof value !== "function") {
      found.push({ name: "", code: undefined, syscall: undefined, message: String(value) })
      return
    }
    const code = read(value, "code")
    found.push({
      name: text(read(value, "name")) ?? "",
      // DOMException has the number 20 for AbortError.
      code: /^\w{1,64}$/.test(text(code) ?? "") ? text(code) : (code === 20 ? "ABORT_ERR" : undefined),
      syscall: text(read(value, "syscall")),
      message: text(read(value, "message")) ?? ""
    })
    visit(read(value, "cause"))
    const errors = read(value, "errors")
    if (Array.isArray(errors)) errors.slice(0, maxLinks).forEach(visit)
  }
  visit(error)
  return found
}

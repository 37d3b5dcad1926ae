/**
 * The error for an invalid option. Constructors throw it, and nothing throws it later.
 *
 * @since 3.1.0
 */
import * as Data from "effect/Data"
import * as Duration from "effect/Duration"
import * as Option from "effect/Option"

/**
 * The longest wait in milliseconds, 2^31-1 (24.8 days): the limit of a JavaScript timer.
 *
 * @since 3.1.0
 * @category constants
 */
export const maxDelayMillis = 2_147_483_647

/**
 * An option has a value outside its allowed range.
 *
 * The constructor that takes the option throws it synchronously, so a program with a bad policy does not start.
 *
 * @since 3.1.0
 * @category errors
 */
export class InvalidOption extends Data.TaggedError("InvalidOption")<{
  /** The name of the option, with a path if it is nested: `"drain.maxBytes"`. */
  readonly option: string
  /** The given value. */
  readonly value: unknown
  /** The allowed values, in words. */
  readonly expected: string
}> {
  /**
   * @since 3.1.0
   */
  override get message(): string {
    return `Invalid option "${this.option}": ${reason(this)}`
  }
}

/**
 * The error of the value, without the name of the option.
 *
 * @internal
 */
export const reason = ({ expected, value }: InvalidOption): string => `expected ${expected}, got ${show(value)}`

const show = (value: unknown): string => {
  if (typeof value === "string") return JSON.stringify(value)
  if (Duration.isDuration(value)) return Duration.format(value)
  if (Array.isArray(value)) return `[${value.map(show).join(", ")}]`
  return typeof value === "object" && value !== null ? "an object" : String(value)
}

/**
 * Returns the number if it is finite and in `[min, max]`. Throws `InvalidOption` otherwise.
 *
 * @since 3.1.0
 * @category validation
 */
export const number = (
  option: string,
  value: number,
  range: { readonly min: number; readonly max?: number }
): number => {
  const max = range.max ?? Infinity
  if (Number.isFinite(value) && value >= range.min && value <= max) return value
  const expected = max === Infinity ? `a finite number >= ${range.min}` : `a number from ${range.min} to ${max}`
  throw new InvalidOption({ option, value, expected })
}

/**
 * Returns the number if it is a whole number in `[min, max]`. Throws `InvalidOption` otherwise.
 *
 * @since 3.1.0
 * @category validation
 */
export const integer = (
  option: string,
  value: number,
  range: { readonly min: number; readonly max?: number }
): number => {
  const max = range.max ?? Number.MAX_SAFE_INTEGER
  if (Number.isInteger(value) && value >= range.min && value <= max) return value
  const expected = max === Number.MAX_SAFE_INTEGER
    ? `a whole number >= ${range.min}`
    : `a whole number from ${range.min} to ${max}`
  throw new InvalidOption({ option, value, expected })
}

/**
 * Returns the duration in milliseconds if it is above `moreThan` (or at least `min`) and at most {@link
 * maxDelayMillis}. Throws `InvalidOption` otherwise.
 *
 * @since 3.1.0
 * @category validation
 */
export const millis = (
  option: string,
  value: Duration.DurationInput,
  range: { readonly min: number } | { readonly moreThan: number }
): number => {
  const decoded = Option.map(Duration.decodeUnknown(value), Duration.toMillis)
  const lower = "min" in range ? range.min : range.moreThan
  const fits = (n: number) => ("min" in range ? n >= lower : n > lower) && n <= maxDelayMillis
  if (Option.isSome(decoded) && fits(decoded.value) && !isNoTime(value)) return decoded.value
  const relation = "min" in range ? `from ${lower} ms` : `longer than ${lower} ms`
  throw new InvalidOption({ option, value, expected: `a duration ${relation} up to ${maxDelayMillis} ms (24.8 days)` })
}

/**
 * Returns the value if it is one of the words. Throws `InvalidOption` otherwise.
 *
 * @since 3.1.0
 * @category validation
 */
export const oneOf = <const Words extends ReadonlyArray<string>>(
  option: string,
  value: Words[number],
  words: Words
): Words[number] => {
  if (words.includes(value)) return value
  throw new InvalidOption({ option, value, expected: words.map((word) => `"${word}"`).join(" or ") })
}

// `Duration.decode` turns a negative number and `NaN` into zero, which would hide the mistake.
const isNoTime = (value: unknown): boolean =>
  typeof value === "number" || typeof value === "bigint" ? !(value >= 0) : isUnitless(value)

// Effect 4 takes an object of numbers by unit, and any other object for zero.
const isUnitless = (value: unknown): boolean =>
  typeof value === "object" && value !== null && !Array.isArray(value) && !Duration.isDuration(value) &&
  !Object.keys(value).some((key) => /^(weeks|days|hours|minutes|(milli|micro|nano)?seconds)$/.test(key))

import * as InvalidOption from "../InvalidOption.js"

/**
 * The variables of the option in an error, and the name of that option.
 *
 * @internal
 */
export type Blame = (option: string) => { readonly variables: ReadonlyArray<string>; readonly label: string }

/** @internal */
export const none: Blame = (label) => ({ variables: [], label })

/**
 * The responsible variables, or the name of the option if there are none, and the message for them.
 *
 * @internal
 */
export const of = (
  error: InvalidOption.InvalidOption,
  blame: Blame
): { readonly places: readonly [string, ...ReadonlyArray<string>]; readonly message: string } => {
  const all = error.option.split(", ").map(blame)
  const labels = all.map(({ label }) => label)
  const [first, ...rest] = [...new Set(all.flatMap(({ variables }) => variables))]
  return {
    places: first === undefined ? [labels.join(", ")] : [first, ...rest],
    message: `${InvalidOption.reason(error)} (option "${labels.join("\", \"")}")`
  }
}

// The part of RFC 9651 (structured fields) that the `RateLimit` field can hold.
const key = "[a-z*][a-z0-9_.*-]*"
const string = "\"(?:[ !#-[\\]-~]|\\\\[\"\\\\])*\""
const token = "[A-Za-z*][\\w!#$%&'*+.^`|~:/-]*"
const value = `${string}|${token}|-?\\d+(?:\\.\\d+)?|:[A-Za-z0-9+/=]*:|\\?[01]`
const parameter = `;[ ]*(${key})(?:=(${value}))?`
const parameters = `(?:;[ ]*${key}(?:=(?:${value}))?)*`

const everyParameter = new RegExp(parameter, "g")
const everyMember = new RegExp(`[ \\t]*(?:(${key})=)?(${value})(${parameters})[ \\t]*(?:,(?=.)|$)`, "gy")

const seconds = (remaining: string | undefined, reset: string | undefined, unsaid: number): number | undefined =>
  reset !== undefined && /^\d+(\.\d{1,32})?$/.test(reset) && Number(remaining ?? unsaid) === 0
    ? Number(reset)
    : undefined

/**
 * Reads a `RateLimit` field and returns the longest reset, in seconds, among the quotas that are used up.
 *
 * Draft 08 and later is a list, one item per quota: `"burst";r=0;t=2, "daily";r=900;t=3600`. Draft 07 is a dictionary:
 * `limit=100, remaining=0, reset=5`. A quota without its rest has `unsaid`.
 *
 * @internal
 */
export const longestReset = (field: string, unsaid: number): number | undefined => {
  const members = Array.from(field.matchAll(everyMember))
  if (members.reduce((length, [text]) => length + text.length, 0) !== field.length) return undefined
  const dictionary = new Map<string | undefined, string | undefined>()
  const resets: Array<number | undefined> = []
  for (const [, name, bare, rest = ""] of members) {
    if (name !== undefined) {
      dictionary.set(name, bare)
    } else {
      const item = new Map(Array.from(rest.matchAll(everyParameter), ([, name, bare]) => [name, bare]))
      resets.push(seconds(item.get("r"), item.get("t"), unsaid))
    }
  }
  resets.push(seconds(dictionary.get("remaining"), dictionary.get("reset"), unsaid))
  return resets.reduce((a, b) => a === undefined ? b : b === undefined ? a : Math.max(a, b), undefined)
}

/** One bit per hash. A filter of texts of 16,384 units is at most a quarter full. */
const size = 65_536
const filter = new Uint8Array(size)

/** Calls back with a hash of each run of `length` units, until that returns false. */
const everyRun = (text: string, length: number, visit: (hash: number) => boolean): boolean => {
  for (let at = 0; at + length <= text.length; at++) {
    let hash = 0
    for (let index = at; index < at + length; index++) hash = Math.imul(hash, 31) + text.charCodeAt(index) | 0
    if (!visit((hash ^ hash >>> 16) & (size - 1))) return false
  }
  return true
}

/**
 * The secrets that may be in one of the texts: those whose runs of `length` units all have a hash that occurs in a
 * text.
 *
 * The result has every secret that is in a text. A secret has at least `length` units.
 *
 * @internal
 */
export const likely = (
  secrets: ReadonlyArray<string>,
  texts: ReadonlyArray<string>,
  length: number
): ReadonlyArray<string> => {
  // Nothing here is asynchronous, so one array is enough.
  filter.fill(0)
  for (const text of texts) {
    everyRun(text, length, (hash) => {
      filter[hash] = 1
      return true
    })
  }
  return secrets.filter((secret) => everyRun(secret, length, (hash) => filter[hash] === 1))
}

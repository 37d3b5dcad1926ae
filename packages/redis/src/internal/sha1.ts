import * as Effect from "effect/Effect"

const hexadecimal = (bytes: ArrayBuffer): string =>
  Array.from(new Uint8Array(bytes), (byte) => byte.toString(16).padStart(2, "0")).join("")

/**
 * The SHA-1 of a text, computed on first use and cached.
 *
 * @internal
 */
export const sha1 = (text: string): Effect.Effect<string> => {
  const digest = Effect.promise(() => globalThis.crypto.subtle.digest("SHA-1", new TextEncoder().encode(text)))
  let known: Effect.Effect<string> | undefined
  const compute = Effect.map(digest, (bytes) => {
    const hash = hexadecimal(bytes)
    known = Effect.succeed(hash)
    return hash
  })
  return Effect.suspend(() => known ?? compute)
}

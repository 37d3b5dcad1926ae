import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"

/** @internal */
export type Kind = "good" | "self-signed" | "expired" | "wrong-host"

/** @internal */
export interface KeyPair {
  readonly cert: string
  readonly key: string
}

// Fixed dates: under TestClock it is 1970, while a TLS client always judges a certificate by the real time.
const date = (year: number): Date => DateTime.toDateUtc(DateTime.unsafeMake({ year }))

const loopback = [{ type: 2, value: "localhost" }, { type: 7, ip: "127.0.0.1" }, { type: 7, ip: "::1" }] as const
const elsewhere = [{ type: 2, value: "elsewhere.test" }] as const

const generate = async (name: string, options: {
  readonly issuer?: KeyPair
  readonly until?: number
  readonly altNames?: typeof loopback | typeof elsewhere
}): Promise<KeyPair> => {
  // Loaded on first use: a server without TLS does not pay for it.
  const selfsigned = await import("selfsigned")
  const pair = await selfsigned.generate([{ name: "commonName", value: name }], {
    keyType: "ec",
    curve: "P-256",
    algorithm: "sha256",
    notBeforeDate: date(2000),
    notAfterDate: date(options.until ?? 2049),
    ...(options.issuer && { ca: options.issuer }),
    extensions: options.altNames === undefined
      ? [
        { name: "basicConstraints", cA: true, critical: true },
        { name: "keyUsage", keyCertSign: true, cRLSign: true, critical: true }
      ]
      : [
        { name: "basicConstraints", cA: false },
        { name: "keyUsage", digitalSignature: true, critical: true },
        { name: "extKeyUsage", serverAuth: true },
        { name: "subjectAltName", altNames: [...options.altNames] }
      ]
  })
  return { cert: pair.cert, key: pair.private }
}

// The first request makes the keys, once for the process.
const cache = new Map<Kind | "ca", Promise<KeyPair>>()

const cached = (name: Kind | "ca", make: () => Promise<KeyPair>): Promise<KeyPair> => {
  const pair = cache.get(name) ?? make()
  cache.set(name, pair)
  return pair
}

const authority = (): Promise<KeyPair> => cached("ca", () => generate("Reprise testing CA", {}))

const makers: { readonly [K in Kind]: () => Promise<KeyPair> } = {
  good: async () => generate("localhost", { issuer: await authority(), altNames: loopback }),
  expired: async () => generate("localhost", { issuer: await authority(), altNames: loopback, until: 2001 }),
  "wrong-host": async () => generate("elsewhere.test", { issuer: await authority(), altNames: elsewhere }),
  "self-signed": () => generate("localhost", { altNames: loopback })
}

/**
 * A certificate of this kind, and that of the authority that signed all but the self-signed one.
 *
 * @internal
 */
export const get = (kind: Kind): Effect.Effect<{ readonly ca: string; readonly server: KeyPair }> =>
  Effect.promise(async () => ({
    ca: (await authority()).cert,
    server: await cached(kind, makers[kind])
  }))

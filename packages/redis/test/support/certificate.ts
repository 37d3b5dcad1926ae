import { Effect } from "effect"
import { generate } from "selfsigned"

// Keys are made when they are needed and none lies in the repository (decision 7).
const common = {
  keyType: "ec" as const,
  curve: "P-256" as const,
  algorithm: "sha256",
  notBeforeDate: new Date(Date.UTC(2000, 0)),
  notAfterDate: new Date(Date.UTC(2049, 0))
}

const make = async () => {
  const authority = await generate([{ name: "commonName", value: "Reprise testing CA" }], {
    ...common,
    extensions: [
      { name: "basicConstraints", cA: true, critical: true },
      { name: "keyUsage", keyCertSign: true, cRLSign: true, critical: true }
    ]
  })
  const server = await generate([{ name: "commonName", value: "localhost" }], {
    ...common,
    ca: { cert: authority.cert, key: authority.private },
    extensions: [
      { name: "basicConstraints", cA: false },
      { name: "extKeyUsage", serverAuth: true },
      { name: "subjectAltName", altNames: [{ type: 2, value: "localhost" }] }
    ]
  })
  return { ca: authority.cert, cert: server.cert, key: server.private }
}

/** A certificate for `localhost` with its key, and that of the authority which signed it. Made once for a test file. */
export const certificate = Effect.runSync(Effect.cached(Effect.promise(make)))

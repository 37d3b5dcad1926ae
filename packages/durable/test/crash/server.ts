/** A payment server that fails in every way that a client can bear, and charges once per idempotency key. */
import * as Http from "node:http"
import type { AddressInfo } from "node:net"

export interface Request {
  readonly atMillis: number
  readonly id: string
  readonly key: string
  readonly attempt: number
}

export interface PaymentServer {
  readonly url: string
  readonly requests: ReadonlyArray<Request>
  /** How often each call was charged. */
  readonly charges: ReadonlyMap<string, number>
  readonly close: () => Promise<void>
}

/** A draw for each request, the same in every run. */
const draw = (text: string): number => {
  let hash = 2166136261
  for (const char of text) hash = Math.imul(hash ^ char.charCodeAt(0), 16777619)
  hash = Math.imul(hash ^ (hash >>> 15), 2246822519)
  return ((hash ^ (hash >>> 13)) >>> 0) / 2 ** 32
}

const body = (request: Http.IncomingMessage): Promise<string> =>
  new Promise((resolve) => {
    let text = ""
    request.on("data", (chunk) => text += chunk)
    request.on("end", () => resolve(text))
    request.on("error", () => resolve(""))
  })

export const start = async (): Promise<PaymentServer> => {
  const requests: Array<Request> = []
  const charges = new Map<string, number>()
  const keys = new Map<string, string>()
  const counts = new Map<string, number>()
  const charge = (id: string, key: string) => {
    if (keys.has(key)) return
    keys.set(key, id)
    charges.set(id, (charges.get(id) ?? 0) + 1)
  }
  const server = Http.createServer(async (request, response) => {
    const text = await body(request)
    if (text === "") return void response.destroy()
    const { id } = JSON.parse(text) as { id: string }
    const key = String(request.headers["idempotency-key"])
    requests.push({ atMillis: Date.now(), id, key, attempt: Number(request.headers["x-attempt"]) })
    const count = (counts.get(id) ?? 0) + 1
    counts.set(id, count)
    const random = draw(`${id}/${count}`)
    const answer = (): unknown => {
      if (count > 4 || random > 0.8) {
        charge(id, key)
        return response.end(`charged ${charges.get(id)}`)
      }
      if (random < 0.2) return response.writeHead(503).end()
      if (random < 0.4) return response.writeHead(429, { "retry-after": random < 0.25 ? "4" : "1" }).end()
      // The work is done, and the answer is lost.
      charge(id, key)
      if (random < 0.6) return response.destroy()
      return response.writeHead(502).end()
    }
    setTimeout(answer, random * 300)
  })
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/charges`,
    requests,
    charges,
    close: () =>
      new Promise((resolve) => {
        server.closeAllConnections()
        server.close(() => resolve())
      })
  }
}

import type { Scope } from "effect"
import { Effect } from "effect"
import * as Net from "node:net"

/** A TCP proxy on loopback that can be a bad network. */
export interface Proxy {
  readonly port: number
  readonly url: string
  /** Lets everything through at once; what was held back too. */
  readonly pass: Effect.Effect<void>
  /** Takes connections and lets nothing through, in neither direction, not even the end of a connection. */
  readonly blackHole: Effect.Effect<void>
  /** Lets everything through, so many milliseconds later. */
  readonly delay: (millis: number) => Effect.Effect<void>
  /** Takes new connections to another server from now on. */
  readonly to: (upstream: number) => Effect.Effect<void>
  /** Resets every open connection. */
  readonly cut: Effect.Effect<void>
  /** The number of connections that are open from the side of the clients. */
  readonly open: () => number
  /** The number of connections that have been accepted. */
  readonly accepted: () => number
}

interface Pipe {
  readonly client: Net.Socket
  readonly server: Net.Socket
}

/** Hands on what comes in, in order, when `after` says so. */
const forward = (from: Net.Socket, to: Net.Socket, after: (act: () => void) => void) => {
  from.on("data", (chunk) => after(() => to.write(chunk)))
  from.on("close", () => after(() => to.destroy()))
  from.on("error", () => {})
}

export const make = (first: number): Effect.Effect<Proxy, never, Scope.Scope> =>
  Effect.gen(function*() {
    let upstream = first
    const pipes = new Set<Pipe>()
    let held: Array<() => void> | undefined
    let millis = 0
    let accepted = 0
    const after = (act: () => void) => {
      if (held !== undefined) held.push(act)
      else if (millis > 0) setTimeout(act, millis).unref()
      else act()
    }
    const server = Net.createServer((client) => {
      accepted++
      const pipe = { client, server: Net.connect(upstream, "127.0.0.1") }
      pipes.add(pipe)
      client.on("close", () => pipes.delete(pipe))
      forward(client, pipe.server, after)
      forward(pipe.server, client, after)
    })
    const cut = Effect.sync(() => {
      for (const { client, server } of pipes) {
        client.resetAndDestroy()
        server.destroy()
      }
    })
    yield* Effect.acquireRelease(
      Effect.async<void>((resume) => {
        server.listen(0, "127.0.0.1", () => resume(Effect.void))
      }),
      () =>
        Effect.zipRight(
          cut,
          Effect.async<void>((resume) => {
            server.close(() => resume(Effect.void))
          })
        )
    )
    const { port } = server.address() as Net.AddressInfo
    const pass = Effect.sync(() => {
      const acts = held ?? []
      held = undefined
      millis = 0
      for (const act of acts) act()
    })
    return {
      port,
      url: `redis://127.0.0.1:${port}`,
      pass,
      blackHole: Effect.sync(() => {
        held ??= []
      }),
      delay: (by) =>
        Effect.sync(() => {
          millis = by
        }),
      to: (other) =>
        Effect.sync(() => {
          upstream = other
        }),
      cut,
      open: () => pipes.size,
      accepted: () => accepted
    }
  })

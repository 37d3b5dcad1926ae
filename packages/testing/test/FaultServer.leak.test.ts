import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as Net from "node:net"
import * as FaultServer from "../src/FaultServer.js"
import * as Reply from "../src/Reply.js"

const handles = () => process.getActiveResourcesInfo().filter((name) => /TCP/.test(name)).sort()

const send = (server: FaultServer.FaultServer, text: string) =>
  Effect.sync(() => {
    const socket = Net.connect(server.port, "127.0.0.1", () => socket.write(text))
    const closed = new Promise<string>((resolve) => {
      socket.on("error", (error: Error & { readonly code?: string }) => {
        socket.once("close", () => resolve(error.code ?? error.message))
      })
    })
    return Effect.promise(() => closed)
  })

/** Clients of earlier tests keep their sockets for some seconds. */
const alone = Effect.repeat(Effect.yieldNow(), { while: () => handles().length > 0 })

describe("FaultServer", () => {
  it.live("leaves no socket, listener or fiber behind when its scope closes", () =>
    Effect.gen(function*() {
      yield* alone
      let interrupted = false
      const forever = Effect.onInterrupt(Effect.never, () => Effect.sync(() => interrupted = true))
      const closed = yield* Effect.scoped(Effect.gen(function*() {
        const server = yield* FaultServer.make()
        yield* server.script(Reply.hang(), () => forever, Reply.hang("requestHead"))
        const head = "POST / HTTP/1.1\r\nhost: test\r\ncontent-length: "
        const clients = yield* Effect.forEach(["0\r\n\r\n", "0\r\n\r\n", "9\r\n\r\n"], (rest) =>
          send(server, head + rest))
        yield* server.awaitRequests(3)
        assert.isAbove(handles().length, 6)
        return clients
      }))
      assert.deepStrictEqual(yield* Effect.all(closed), ["ECONNRESET", "ECONNRESET", "ECONNRESET"])
      assert.isTrue(interrupted)
      assert.deepStrictEqual(handles(), [])
    }))
})

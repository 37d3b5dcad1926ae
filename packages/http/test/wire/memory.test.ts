import { HttpClient } from "@effect/platform"
import { assert, it } from "@effect/vitest"
import { Effect, Layer, Logger, LogLevel, Schedule } from "effect"
import * as http from "node:http"
import type { AddressInfo } from "node:net"
import { collect } from "../../../reprise/test/garbage.js"
import * as ResilientHttpClient from "../../src/ResilientHttpClient.js"
import { onEachSlow } from "../support/wire.js"

const first = 150
const last = 350

/** Answers so, and reads the size of the heap at the first and at the last attempt. */
const server = (answer: (request: http.IncomingMessage, response: http.ServerResponse) => void) =>
  Effect.acquireRelease(
    Effect.async<{ readonly url: string; readonly heap: Array<number>; readonly close: () => void }>((resume) => {
      const heap: Array<number> = []
      let attempts = 0
      const server = http.createServer((request, response) => {
        attempts++
        if (attempts === first || attempts === last) {
          collect()
          heap.push(process.memoryUsage().heapUsed)
        }
        answer(request, response)
      })
      server.listen(0, "127.0.0.1", () =>
        resume(Effect.succeed({
          url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
          heap,
          close: () => {
            server.closeAllConnections()
            server.close()
          }
        })))
    }),
    ({ close }) => Effect.sync(close)
  )

const answers = {
  "503": (_: http.IncomingMessage, response: http.ServerResponse) => void response.writeHead(503).end("busy"),
  "a reset": (request: http.IncomingMessage) => void request.socket.destroy()
}

onEachSlow("the memory of a call", (transport) => {
  it.scopedLive.each(Object.entries(answers))(
    "does not grow with attempts that end with %s",
    ([, answer]) =>
      Effect.gen(function*() {
        const { heap, url } = yield* server(answer)
        const retry = Schedule.recurs(last - 1)
        const client = ResilientHttpClient.layer({ retry, attemptTimeout: "10 seconds", deadline: "1 hour" })
        yield* Effect.exit(HttpClient.get(url)).pipe(
          Effect.withSpan("call"),
          Logger.withMinimumLogLevel(LogLevel.Error),
          Effect.provide(Layer.provide(client, transport))
        )
        const perAttempt = (heap[1]! - heap[0]!) / (last - first)
        // An attempt that is kept costs 12 to 21 kB.
        assert.isBelow(perAttempt, 4000)
      }),
    60_000
  )
})

import * as http from "node:http"
import type { AddressInfo } from "node:net"

/** The server of the HTTP suite, in a process of its own: it answers and says where it listens. */
const body = JSON.stringify({ id: 42, name: "loopback" })
const headers = { "content-type": "application/json", "content-length": String(Buffer.byteLength(body)) }

const server = http.createServer({ keepAliveTimeout: 60_000 }, (_, response) => {
  response.writeHead(200, headers)
  response.end(body)
})

server.listen(0, "127.0.0.1", () => {
  process.send?.({ url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/` })
})

// Ends with whoever started it.
process.on("disconnect", () => process.exit())

import { createClient, ErrorReply } from "redis"
import { type Driver, secure } from "./connection.js"

/** @internal */
export const driver: Driver = {
  isReply: (error) => error instanceof ErrorReply,
  make: ({ host, port, tls }, onLost) => {
    // Until it is connected, the library does not have its socket and cannot close it.
    const controller = new AbortController()
    const where = { host, port, signal: controller.signal, connectTimeout: 0, reconnectStrategy: false as const }
    const client = createClient({
      RESP: 2,
      socket: tls === undefined ? where : { ...where, ...secure(tls), tls: true },
      commandOptions: { timeout: 0 },
      disableOfflineQueue: true,
      disableClientInfo: true,
      maintNotifications: "disabled"
    })
    client.on("error", onLost)
    return {
      connect: () => client.connect(),
      send: (args) => client.sendCommand(args),
      subscribe: (channel, onMessage) => client.subscribe(channel, onMessage),
      destroy: () => {
        try {
          client.destroy()
        } catch {
          // Older versions refuse to destroy what is closed already.
        }
        controller.abort()
      }
    }
  }
}

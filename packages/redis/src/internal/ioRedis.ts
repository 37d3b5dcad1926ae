import { Redis as IoRedis, ReplyError } from "ioredis"
import { type Driver, secure } from "./connection.js"

/** @internal */
export const driver: Driver = {
  isReply: (error): error is Error => error instanceof ReplyError,
  make: ({ host, port, tls }, onLost) => {
    const client = new IoRedis({
      host,
      port,
      family: 0,
      ...(tls && { tls: secure(tls) }),
      lazyConnect: true,
      connectTimeout: 0,
      // Its last command may get no answer: after this time it closes the socket.
      disconnectTimeout: 1,
      retryStrategy: null,
      enableOfflineQueue: false,
      enableReadyCheck: false,
      disableClientInfo: true
    })
    client.on("error", onLost)
    client.on("close", () => onLost(undefined))
    return {
      connect: () => client.connect(),
      send: ([name, ...args]) => client.call(name!, args),
      subscribe: (channel, onMessage) => {
        client.on("message", (_, message) => onMessage(message))
        return client.subscribe(channel)
      },
      destroy: () => client.disconnect()
    }
  }
}

import { assert, it } from "@effect/vitest"
import { Effect, Redacted } from "effect"
import type * as Redis from "../src/Redis.js"
import { connect, increment, onEachAdapter } from "./support/adapters.js"
import * as RedisServer from "./support/redisServer.js"
import { refusal } from "./support/refusal.js"

onEachAdapter("A start over TLS", (adapter) => {
  it.scopedLive("fails with a certificate that is not trusted or is not the host's, and succeeds with a good one", () =>
    Effect.gen(function*() {
      const server = yield* RedisServer.make({ tls: true })
      const { ca, url } = server
      const hint = "the TLS connection failed; tls.ca must have the authority that signed the certificate"
      const [reason, code, description] = yield* refusal(adapter, { url })
      assert.deepStrictEqual([reason, description], ["refused", `${hint} (${code})`])
      const other = yield* refusal(adapter, { url: url.replace("localhost", "127.0.0.1"), tls: { ca } })
      assert.deepStrictEqual(other.slice(0, 2), ["refused", "ERR_TLS_CERT_ALTNAME_INVALID"])
      const noPem = yield* refusal(adapter, { url, tls: { ca, cert: "s3cret", key: Redacted.make("s3cret") } })
      assert.strictEqual(noPem[0], "refused")
      const good: ReadonlyArray<Redis.Options> = [
        { url, tls: { ca } },
        { url, tls: { ca: [ca] } },
        { url: url.replace("localhost", "127.0.0.1"), tls: { ca, servername: "localhost" } },
        { url, tls: { rejectUnauthorized: false } }
      ]
      yield* Effect.forEach(
        good,
        (options) => Effect.flatMap(connect(adapter, options), (redis) => redis.run(increment, ["n"], []))
      )
    }))

  it.scopedLive("fails where one side speaks TLS and the other does not", () =>
    Effect.gen(function*() {
      const secure = yield* RedisServer.make({ tls: true })
      const [reason] = yield* refusal(adapter, { url: secure.url.replace("rediss", "redis") })
      assert.strictEqual(reason, "disconnected")
      const plain = yield* RedisServer.make()
      // Redis waits for the end of a line, which may not be in what TLS begins with.
      const [other] = yield* refusal(adapter, { url: plain.url.replace("redis", "rediss") }, 300)
      assert.oneOf(other, ["refused", "timeout", "disconnected"])
    }))
})

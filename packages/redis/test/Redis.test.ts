import { assert, describe, expectTypeOf, it } from "@effect/vitest"
import { Cause, Effect, Either, Exit, Option, Predicate, Redacted } from "effect"
import { createHash } from "node:crypto"
import { inspect } from "node:util"
import * as failure from "../src/internal/failure.js"
import * as settings from "../src/internal/settings.js"
import * as Redis from "../src/Redis.js"

const targetOf = (options: Redis.Options) => Either.getOrThrow(settings.decode(options)).target

describe("Redis.script", () => {
  it.effect("knows its SHA-1, and computes it once", () =>
    Effect.gen(function*() {
      for (const lua of ["", "return 1", "return '🐎\u0000'", "x".repeat(10_000)]) {
        const { sha1 } = Redis.script({ lua, decode: Option.some })
        assert.strictEqual(yield* sha1, createHash("sha1").update(lua).digest("hex"))
        const subtle = globalThis.crypto.subtle.digest
        globalThis.crypto.subtle.digest = () => Promise.reject(new Error("computed again"))
        yield* Effect.ensuring(sha1, Effect.sync(() => globalThis.crypto.subtle.digest = subtle))
      }
    }))

  it("throws InvalidOption for a number of keys that is none", () => {
    assert.throws(() => Redis.script({ lua: "", numberOfKeys: 1.5, decode: Option.some }), /"numberOfKeys"/)
  })

  it("has the type of what it decodes", () => {
    const script = Redis.script({ lua: "", decode: Option.liftPredicate(Predicate.isNumber) })
    expectTypeOf(script).toEqualTypeOf<Redis.Script<number>>()
    expectTypeOf<Redis.Script<1>>().toExtend<Redis.Script<number>>()
  })
})

describe("The options", () => {
  it("give way to each other: those of their own to those of the URL, and these to the defaults", () => {
    const bare = targetOf({ url: "redis://cache" })
    assert.deepInclude(bare, { host: "cache", port: 6379, server: "cache:6379", database: 0, tls: undefined })
    assert.deepInclude(bare, { commandMillis: 1_000, connectMillis: 5_000, username: undefined, password: undefined })
    const full = targetOf({ url: Redacted.make("rediss://us%40er:p%2Fw@[::1]:7000/3") })
    assert.deepInclude(full, { host: "::1", port: 7000, server: "[::1]:7000", database: 3, tls: {} })
    assert.strictEqual(full.username && Redacted.value(full.username), "us@er")
    assert.strictEqual(full.password && Redacted.value(full.password), "p/w")
    const own = targetOf({
      url: "redis://u:p@h:1/3",
      username: Redacted.make("v"),
      password: Redacted.make("q"),
      database: 0
    })
    assert.strictEqual(own.database, 0)
    assert.strictEqual(own.username && Redacted.value(own.username), "v")
    assert.strictEqual(own.password && Redacted.value(own.password), "q")
    assert.notMatch(inspect(full, { depth: 5 }) + JSON.stringify(full), /us@er|p\/w/)
  })
})

describe("RedisError", () => {
  const target = targetOf({ url: "redis://h" })

  it("has the first word of what the server answers, where that is a code, and no other word", () => {
    const texts = [
      "OOM command not allowed",
      "NOSCRIPT",
      "ERR unknown command 'x' with secret",
      "secret",
      "",
      "Secret x",
      "A b"
    ]
    const errors = texts.map((text) => failure.ofReply(target, text))
    assert.deepStrictEqual(errors.map(({ code }) => code), ["OOM", "NOSCRIPT", "ERR", "ERR", "ERR", "ERR", "ERR"])
    const rendered = errors.map((error) =>
      JSON.stringify(error) + inspect(error) + Cause.pretty(Cause.fail(error), { renderErrorCause: true }) +
      JSON.stringify(Exit.fail(error))
    )
    assert.notMatch(rendered.join(), /secret/i)
  })

  it("tells a loss from a certificate that is not trusted", () => {
    const secure = targetOf({ url: "rediss://h" })
    const reasons = (codes: ReadonlyArray<string | undefined>) =>
      codes.map((code) => failure.ofSocket(secure, Object.assign(new Error("secret"), { code })).reason)
    assert.deepStrictEqual(
      reasons([
        "DEPTH_ZERO_SELF_SIGNED_CERT",
        "SELF_SIGNED_CERT_IN_CHAIN",
        "UNABLE_TO_VERIFY_LEAF_SIGNATURE",
        "CERT_HAS_EXPIRED",
        "ERR_TLS_CERT_ALTNAME_INVALID",
        "ERR_SSL_WRONG_VERSION_NUMBER",
        "EPROTO"
      ]),
      Array.from({ length: 7 }, () => "refused")
    )
    const losses = ["ECONNRESET", "EPIPE", "ENOTFOUND", "ERR_SOMETHING", undefined]
    assert.deepStrictEqual(reasons(losses), losses.map(() => "disconnected"))
    assert.notInclude(JSON.stringify(failure.ofSocket(secure, new Error("secret"))), "secret")
  })
})

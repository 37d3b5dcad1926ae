import { HttpClientError, HttpClientRequest } from "@effect/platform"
import { assert, describe, it } from "@effect/vitest"
import { Cause, FastCheck as fc, Option } from "effect"
import { inspect } from "node:util"
import * as HttpClassifier from "../src/HttpClassifier.js"
import type * as HttpFailure from "../src/HttpFailure.js"

const failureOf = (cause: unknown, request: HttpClientRequest.HttpClientRequest, failed = request) =>
  Option.getOrThrow(HttpClassifier.classify(
    new HttpClientError.RequestError({ request: failed, reason: "Transport", cause }),
    { request, nowMillis: 0 }
  ))

/** Everything by which a failure gets into logs. */
const printed = (failure: HttpFailure.HttpFailure): ReadonlyArray<string> => [
  failure.message,
  String(failure),
  JSON.stringify(failure),
  JSON.stringify(failure.request),
  inspect(failure, { depth: 20, showHidden: true }),
  Cause.pretty(Cause.fail(failure), { renderErrorCause: true })
]

const assertHidden = (failure: HttpFailure.HttpFailure, secret = "SECRET") => {
  for (const text of printed(failure)) assert.notInclude(text, secret)
}

const request = HttpClientRequest.get("http://h.test/path")

describe("HttpFailure and secrets", () => {
  it.each([
    "http://user:pa/ss-SECRET@h.test/p",
    "http://user:pass-SECRET@h.test/p",
    "//user:pass-SECRET@h.test/p",
    "user:pass-SECRET@h.test",
    "pass-SECRET:user@h.test",
    "http:\\\\user:pass-SECRET@h.test/p",
    "data:text/plain,SECRET",
    "http://h.test/p?one=1&token=a-SECRET#f-SECRET",
    "http://h.test/p?a-SECRET",
    "/p?token=a-SECRET"
  ])("shows nothing secret of %j, nor does its cause", (url) => {
    const secret = HttpClientRequest.setHeader(HttpClientRequest.get(url), "x-key", "header-SECRET \"quoted\"")
    for (
      const cause of [
        Object.assign(new TypeError("Invalid URL"), { code: "ERR_INVALID_URL", input: url }),
        new Error(`Headers.append: ${JSON.stringify(secret.headers["x-key"])} is invalid`),
        new Error(`error sending request for url (${url})`),
        new Error("a-SECRET, pass-SECRET, f-SECRET"),
        Object.assign(new Error("failed"), { config: { headers: secret.headers, url: "?x=a-SECRET" } }),
        Object.assign(new Error("failed"), { headers: new Headers({ "x-key": "header-SECRET" }) }),
        Object.assign(new Error("failed"), { [Symbol("url")]: url, seen: new Map([["url", url]]), path: url }),
        Object.assign(new Error("failed"), { name: url, code: url, syscall: url })
      ]
    ) {
      // What it holds under an unknown property, in text or in a name: all of it may be the secret.
      if (!cause.message.startsWith("a-SECRET") || url.includes("-SECRET")) {
        assert.notInclude(failureOf(cause, secret).message, "SECRET")
      }
      assertHidden(failureOf(new Error("outer", { cause: new AggregateError([cause]) }), secret), url)
    }
  })

  it.each(
    [
      ["one value of two", "bad token tok-SECRET", "?token=tok-SECRET&b=2"],
      ["a value as it is encoded", "url (http://h.test/?t=SECRET+v%C3%A4lue%2F1)", "?t=SECRET%20v%C3%A4lue/1"],
      ["a value as it is decoded", "value SECRET välue/1", "?t=SECRET%20v%C3%A4lue/1"],
      ["all of the query", "http://h.test/path?x=SECRET", "?x=SECRET#fragment"]
    ] as const
  )("withholds a text with %s", (_, text, query) => {
    assertHidden(failureOf(new Error(text), HttpClientRequest.get(`http://h.test/path${query}`)))
  })

  it.each(["Bearer SECRET", "session=SECRET; theme=dark", "SECRET\r\nx: y", "back\\slash SECRET \"quoted\""])(
    "withholds a text with the header value %j, whole or in part, as it is or as it is written",
    (value) => {
      const keyed = HttpClientRequest.setHeader(request, "x-a", value)
      for (const text of [value, JSON.stringify(value), inspect(value), encodeURIComponent(value), "only SECRET"]) {
        assertHidden(failureOf(new TypeError(`Invalid header value: ${text}`), keyed))
      }
    }
  )

  it("withholds what is in the query of a redirect's target", () => {
    const hop = HttpClientRequest.setUrl(request, new URL("http://o.test/?sig=sig-SECRET"))
    assertHidden(failureOf(new Error("bad sig-SECRET"), request, hop))
  })

  it("shows no header value, credential or query value, whatever it is", () => {
    const secret = fc.string({ minLength: 12, maxLength: 40 }).filter((text) => /[a-z\d]{6}/i.test(text))
    fc.assert(fc.property(secret, fc.constantFrom("header", "query", "password"), (text, where) => {
      const value = `${text}SECRET`
      const holder = where === "header"
        ? HttpClientRequest.setHeader(request, "x-a", value)
        : where === "query"
        ? HttpClientRequest.setUrlParam(request, "q", value)
        : HttpClientRequest.get(`http://user:${encodeURIComponent(value)}@h.test/`)
      for (const quote of [value, JSON.stringify(value), encodeURIComponent(value), inspect(value)]) {
        assertHidden(failureOf(new Error(`refused: ${quote}`), holder))
      }
    }))
  })

  it("keeps names, codes and texts that hold no secret, all along the chain", () => {
    const keyed = HttpClientRequest.setHeader(request, "x-n", "1")
    const inner = Object.assign(new Error("connect ECONNREFUSED 127.0.0.1:1"), {
      code: "ECONNREFUSED",
      syscall: "connect"
    })
    const cause = failureOf(new TypeError("fetch failed", { cause: inner }), keyed).cause as Error & {
      cause: typeof inner
    }
    assert.deepStrictEqual([cause.name, cause.message], ["TypeError", "fetch failed"])
    assert.deepStrictEqual(
      [cause.cause.message, cause.cause.code, cause.cause.syscall, cause.cause.stack],
      [inner.message, inner.code, inner.syscall, inner.stack]
    )
  })
})

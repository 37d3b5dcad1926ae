import { HttpClientError, HttpClientRequest } from "@effect/platform"
import { assert, describe, it } from "@effect/vitest"
import { Option } from "effect"
import * as HttpClassifier from "../src/HttpClassifier.js"

const failureOf = (cause: unknown, request: HttpClientRequest.HttpClientRequest) =>
  Option.getOrThrow(HttpClassifier.classify(
    new HttpClientError.RequestError({ request, reason: "Transport", cause }),
    { request, nowMillis: 0 }
  ))

const shown = (text: string, request: HttpClientRequest.HttpClientRequest) =>
  (failureOf(new Error(text), request).cause as Error).message

const value = (index: number) => `value-${index}-${(index * 7919).toString(36)}-end`
const values = (count: number) => Array.from({ length: count }, (_, index) => value(index))
const get = HttpClientRequest.get("http://h.test/")

/** Each puts the values where a request may have them. */
const places: Record<string, (values: ReadonlyArray<string>) => HttpClientRequest.HttpClientRequest> = {
  "query values": (values) =>
    HttpClientRequest.setUrlParams(get, Object.fromEntries(values.map((value, index) => [`k${index}`, value]))),
  "values in the URL": (values) =>
    HttpClientRequest.get(`http://h.test/?${values.map((value, index) => `k${index}=%20${value}`).join("&")}`),
  cookies: (values) =>
    HttpClientRequest.setHeader(get, "cookie", values.map((value, index) => `c${index}=${value}`).join("; ")),
  headers: (values) =>
    HttpClientRequest.setHeaders(get, Object.fromEntries(values.map((value, index) => [`h${index}`, value])))
}

/** The shortest of some runs: other programs make it longer, and nothing shorter. */
const shortest = (runs: number, run: () => unknown): number => {
  let best = Infinity
  for (let count = 0; count < runs; count++) {
    const start = performance.now()
    run()
    best = Math.min(best, performance.now() - start)
  }
  return best
}

const growth = (of: (size: number) => () => unknown): number => {
  const [small, large] = [of(1), of(10)]
  shortest(20, large)
  return shortest(40, large) / shortest(80, small)
}

describe("what a failure costs", () => {
  it.each(Object.entries(places))("does not grow with the product of the %s and the texts", (_, place) => {
    const ratio = growth((size) => {
      const request = place(values(200 * size))
      const cause = new Error("some text, ".repeat(90 * size))
      return () => failureOf(cause, request)
    })
    // Ten times as much of both: a product grows by a hundred.
    assert.isBelow(ratio, 40)
  })

  it("does not grow with the causes beyond a bound", () => {
    const chain = (length: number) => {
      let cause: unknown = new Error("connect", {})
      for (let depth = 0; depth < length; depth++) cause = new Error(`layer ${depth}`, { cause })
      return cause
    }
    const many = (count: number) =>
      new AggregateError(Array.from({ length: count }, (_, index) => new Error(`${index}`)))
    const cyclic = new Error("cyclic") as Error & { errors?: Array<unknown> }
    cyclic.cause = cyclic
    cyclic.errors = Array.from({ length: 1000 }, () => new AggregateError([cyclic, new Error("in a cycle")], "again"))
    for (
      const cause of [
        chain(100),
        chain(2000),
        many(1000),
        many(10_000),
        cyclic,
        new Error("x", { cause: many(1000) })
      ]
    ) {
      let links = 0
      for (let link: unknown = failureOf(cause, get).cause; link !== undefined; link = (link as Error).cause) links++
      assert.isTrue(links > 0 && links <= 32, String(links))
    }
  })

  it("does not grow with the length of a text beyond a bound: a text that is too long is withheld", () => {
    const request = HttpClientRequest.setUrlParam(get, "q", "the-secret")
    assert.strictEqual(shown("x".repeat(7000), request), "x".repeat(7000))
    for (const text of ["x".repeat(20_000), "y".repeat(20_000) + "the-secret", "the-secret" + "z".repeat(1_000_000)]) {
      assert.match(shown(text, request), /^\(withheld/)
    }
  })
})

describe.each(Object.entries(places))("among 2,000 %s", (_, place) => {
  const request = place(values(2000))

  it("finds each in a text", () => {
    for (const index of [0, 1, 999, 1998, 1999]) {
      for (const text of [value(index), encodeURIComponent(` ${value(index)}`), JSON.stringify({ q: value(index) })]) {
        assert.match(shown(`refused: ${text}!`, request), /^\(withheld/, text)
      }
    }
  })

  it("takes no text for one of them that is only like them", () => {
    for (
      const text of [
        "connect ECONNREFUSED 127.0.0.1:80",
        `value-2000-${(2000 * 7919).toString(36)}-end`,
        value(7).slice(1),
        value(1234).slice(0, -1),
        "value end value end"
      ]
    ) {
      assert.strictEqual(shown(text, request), text)
    }
  })
})

it("finds a secret that has the separator of our own in it, or that is quoted with it", () => {
  const request = HttpClientRequest.setHeader(get, "x-a", "se\x7fcret")
  for (const text of ["bad se\x7fcret", "bad secret", "bad s\x7fecre\x7ft"]) {
    assert.match(shown(text, request), /^\(withheld/)
  }
})

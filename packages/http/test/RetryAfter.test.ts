import * as Headers from "@effect/platform/Headers"
import { assert, describe, it } from "@effect/vitest"
import * as RetryAfter from "@reprise/http/RetryAfter"
import { Duration, FastCheck as fc, Option } from "effect"
import { maxDelayMillis } from "reprise/InvalidOption"

const shortDays = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"]
const longDays = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"]
const months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]

const two = (n: number) => String(n).padStart(2, "0")

/** The three forms, written with the engine's calendar, which the parsers do not use. */
const format = (millis: number) => {
  const date = new Date(millis)
  const weekday = date.getUTCDay()
  const month = months[date.getUTCMonth()]
  const year = String(date.getUTCFullYear()).padStart(4, "0")
  const day = date.getUTCDate()
  const time = `${two(date.getUTCHours())}:${two(date.getUTCMinutes())}:${two(date.getUTCSeconds())}`
  return {
    imf: `${shortDays[weekday]}, ${two(day)} ${month} ${year} ${time} GMT`,
    rfc850: `${longDays[weekday]}, ${two(day)}-${month}-${year.slice(2)} ${time} GMT`,
    asctime: `${shortDays[weekday]} ${month} ${String(day).padStart(2, " ")} ${time} ${year}`
  }
}

const nowMillis = Date.UTC(2025, 5, 15, 12, 0, 0)
const inSeconds = (seconds: number) => format(nowMillis + seconds * 1000)

const parse = (value: string, dateMillis?: number) =>
  Option.getOrUndefined(Option.map(RetryAfter.parse(value, { nowMillis, dateMillis }), Duration.toMillis))

const fromHeaders = (headers: Record<string, string | ReadonlyArray<string>>) =>
  Option.getOrUndefined(
    Option.map(RetryAfter.fromHeaders(Headers.fromInput(headers), { nowMillis }), Duration.toMillis)
  )

const parseDate = (value: string, now: number = nowMillis) =>
  Option.getOrUndefined(RetryAfter.parseHttpDate(value, now))

const none = undefined

describe("RetryAfter.parse", () => {
  describe("answers each value of the conformance table as the grammar says", () => {
    const rows: ReadonlyArray<readonly [name: string, value: string, millis: number | undefined]> = [
      ["zero", "0", 0],
      ["zeros", "000", 0],
      ["seconds", "7", 7000],
      ["seconds with a leading zero", "007", 7000],
      ["seconds between blanks", " 7 ", 7000],
      ["seconds between a tab and a blank", "\t42 ", 42_000],
      ["a day", "86400", 86_400_000],
      ["six hours and a second", "21601", 21_601_000],
      ["seconds that look like an epoch", "1704067200", maxDelayMillis],
      ["eleven digits", "99999999999", maxDelayMillis],
      ["400 digits", "9".repeat(400), maxDelayMillis],
      ["an IMF-fixdate", inSeconds(90).imf, 90_000],
      ["an IMF-fixdate between blanks", `\t${inSeconds(90).imf}  `, 90_000],
      ["an RFC 850 date", inSeconds(90).rfc850, 90_000],
      ["an asctime date", inSeconds(90).asctime, 90_000],
      ["an IMF-fixdate in the past", inSeconds(-1).imf, 0],
      ["an RFC 850 date in the past", inSeconds(-86_400).rfc850, 0],
      ["an asctime date in the past", inSeconds(-3600).asctime, 0],
      ["a date that is now", inSeconds(0).imf, 0],
      ["a date in a thousand years", "Sat, 15 Jun 3025 12:00:00 GMT", maxDelayMillis],
      ["a negative number", "-5", none],
      ["minus one", "-1", none],
      ["minus zero", "-0", none],
      ["a sign", "+5", none],
      ["a fraction", "1.5", 1500],
      ["a whole fraction", "2.0", 2000],
      ["zero with a fraction", "0.0", 0],
      ["a fraction between blanks", " 1.25\t", 1250],
      ["a fraction of a millisecond, rounded up", "0.0001", 1],
      ["the longest fraction", `1.${"5".repeat(32)}`, 1556],
      ["a fraction that is absurdly long", `1.${"5".repeat(33)}`, none],
      ["a point without a fraction", "1.", none],
      ["a fraction without a whole number", ".5", none],
      ["a decimal comma", "1,5", none],
      ["two points", "1.5.0", none],
      ["a negative fraction", "-1.5", none],
      ["a fraction with a sign", "+1.5", none],
      ["a fraction with an exponent", "1.5e3", none],
      ["a fraction with a unit", "1.5s", none],
      ["two fractions that were joined", "1.5, 2.5", none],
      ["a hexadecimal number", "0x10", none],
      ["an exponent", "1e3", none],
      ["a superscript two", "\u00b2", none],
      ["digits of another script", "\u0667", none],
      ["a no-break space", "\u00a07", none],
      ["a line break", "7\n", none],
      ["nothing", "", none],
      ["blanks", "  ", none],
      ["two headers that were joined", "7, 9", none],
      ["two equal headers that were joined", "2, 2", none],
      ["two dates that were joined", `${inSeconds(90).imf}, ${inSeconds(90).imf}`, none],
      ["an ISO 8601 date", new Date(nowMillis + 90_000).toISOString(), none],
      ["a word", "soon", none],
      ["a sentence", "this is not a date", none],
      ["a unit", "7s", none],
      ["Infinity", "Infinity", none],
      ["NaN", "NaN", none]
    ]
    for (const [name, value, millis] of rows) {
      it(`${name}: ${millis === none ? "none" : `${millis} ms`}`, () => {
        assert.strictEqual(parse(value), millis)
      })
    }
  })

  it("measures a date against the server's clock where it is known", () => {
    const serverMillis = nowMillis - 3_600_000
    assert.strictEqual(parse(format(serverMillis + 10_000).imf, serverMillis), 10_000)
    assert.strictEqual(parse(format(serverMillis + 10_000).imf), 0)
  })

  it("does not measure seconds against any clock", () => {
    assert.strictEqual(parse("7", nowMillis - 3_600_000), 7000)
  })

  it("ignores a server time that is no time", () => {
    assert.strictEqual(parse(inSeconds(10).imf, NaN), 10_000)
    assert.strictEqual(parse(inSeconds(10).imf, Infinity), 10_000)
  })

  it("rounds up where the clock stands within a second", () => {
    const duration = RetryAfter.parse(inSeconds(1).imf, { nowMillis: nowMillis + 0.5 })
    assert.deepStrictEqual(Option.map(duration, Duration.toMillis), Option.some(1000))
  })
})

describe("RetryAfter.parseHttpDate", () => {
  it("reads the three dates of RFC 9110", () => {
    const expected = Date.UTC(1994, 10, 6, 8, 49, 37)
    assert.strictEqual(parseDate("Sun, 06 Nov 1994 08:49:37 GMT"), expected)
    assert.strictEqual(parseDate("Sunday, 06-Nov-94 08:49:37 GMT"), expected)
    assert.strictEqual(parseDate("Sun Nov  6 08:49:37 1994"), expected)
  })

  it("reads back every second from 1970 to 2069 in all three forms", () => {
    const lastSecond = Date.UTC(2070, 0, 1) / 1000 - 1
    // Every year in question is less than 50 years away from the turn of 2019.
    const now = Date.UTC(2019, 11, 31, 23, 59, 59)
    fc.assert(
      fc.property(fc.integer({ min: 0, max: lastSecond }), (second) => {
        for (const text of Object.values(format(second * 1000))) assert.strictEqual(parseDate(text, now), second * 1000)
      }),
      { numRuns: 2000, examples: [[0], [lastSecond], [Date.UTC(2000, 1, 29) / 1000], [Date.UTC(1999, 11, 31) / 1000]] }
    )
  })

  it("reads back every year of four digits", () => {
    const first = Date.UTC(2000, 0, 1) - 2000 * 365.2425 * 86_400_000
    const last = Date.UTC(9999, 11, 31, 23, 59, 59)
    fc.assert(
      fc.property(fc.integer({ min: Math.ceil(first / 1000), max: last / 1000 }), (second) => {
        const { asctime, imf } = format(second * 1000)
        assert.strictEqual(parseDate(imf), second * 1000)
        assert.strictEqual(parseDate(asctime), second * 1000)
      }),
      { examples: [[Math.ceil(first / 1000)], [last / 1000], [Date.UTC(1900, 1, 28) / 1000]] }
    )
  })

  it("takes the two-digit year that is within 50 years of any now", () => {
    const year = 365.2425 * 86_400
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: Date.UTC(2300, 0, 1) / 1000 }),
        fc.integer({ min: Math.ceil(-49.9 * year), max: Math.floor(49.9 * year) }),
        (now, distance) => {
          const millis = Math.floor(now + distance) * 1000
          assert.strictEqual(parseDate(format(millis).rfc850, now * 1000), millis)
        }
      ),
      { numRuns: 1000 }
    )
  })

  it("takes a two-digit year for the future up to 50 years ahead, and for the past beyond", () => {
    assert.strictEqual(parseDate("Saturday, 15-Jun-74 12:00:00 GMT"), Date.UTC(2074, 5, 15, 12))
    assert.strictEqual(parseDate("Monday, 15-Jun-75 12:00:00 GMT"), Date.UTC(2075, 5, 15, 12))
    assert.strictEqual(parseDate("Monday, 15-Jun-75 12:00:01 GMT"), Date.UTC(1975, 5, 15, 12, 0, 1))
    assert.strictEqual(parseDate("Tuesday, 15-Jun-76 12:00:00 GMT"), Date.UTC(1976, 5, 15, 12))
  })

  it("waits for an RFC 850 date 49 years ahead and not for one 51 years ahead", () => {
    assert.strictEqual(parse("Friday, 15-Jun-74 12:00:00 GMT"), maxDelayMillis)
    assert.strictEqual(parse("Friday, 15-Jun-76 12:00:00 GMT"), 0)
  })

  it("takes a leap second for the one after it", () => {
    for (
      const text of [
        "Sat, 31 Dec 2016 23:59:60 GMT",
        "Saturday, 31-Dec-16 23:59:60 GMT",
        "Sat Dec 31 23:59:60 2016"
      ]
    ) {
      assert.strictEqual(parseDate(text), Date.UTC(2017, 0, 1))
    }
  })

  it("does not check that the name of the day fits the date", () => {
    assert.strictEqual(parseDate("Mon, 06 Nov 1994 08:49:37 GMT"), Date.UTC(1994, 10, 6, 8, 49, 37))
  })

  describe("refuses what is no HTTP-date", () => {
    const texts = [
      "Fri, 32 Dec 1999 23:59:59 GMT",
      "Fri, 00 Dec 1999 23:59:59 GMT",
      "Thu, 31 Apr 2025 00:00:00 GMT",
      "Mon, 31 Jun 2025 00:00:00 GMT",
      "Wed, 31 Sep 2025 00:00:00 GMT",
      "Mon, 31 Nov 2025 00:00:00 GMT",
      "Sat, 29 Feb 2025 00:00:00 GMT",
      "Thu, 29 Feb 1900 00:00:00 GMT",
      "Wed, 30 Feb 2000 00:00:00 GMT",
      "Saturday, 29-Feb-25 00:00:00 GMT",
      "Sat Feb 29 00:00:00 2025",
      "Sun Nov  0 08:49:37 1994",
      "Sun Nov 6 08:49:37 1994",
      "Sun, 6 Nov 1994 08:49:37 GMT",
      "Sun, 06 Nov 94 08:49:37 GMT",
      "Sun, 06 Nov 1994 24:00:00 GMT",
      "Sun, 06 Nov 1994 08:60:00 GMT",
      "Sun, 06 Nov 1994 08:49:61 GMT",
      "Sun, 06 Nov 1994 8:49:37 GMT",
      "Sun, 06 Nov 1994 08:49 GMT",
      "Sun, 06 Nov 1994 08:49:37 UTC",
      "Sun, 06 Nov 1994 08:49:37 +0000",
      "Sun, 06 Nov 1994 08:49:37",
      "Sun Nov  6 08:49:37 1994 GMT",
      "sun, 06 nov 1994 08:49:37 gmt",
      "Foo, 06 Nov 1994 08:49:37 GMT",
      "Sun, 06 Foo 1994 08:49:37 GMT",
      "Sunday, 06 Nov 1994 08:49:37 GMT",
      "Sun, 06-Nov-94 08:49:37 GMT",
      "Sun,  06 Nov 1994 08:49:37 GMT",
      "06 Nov 1994 08:49:37 GMT",
      "1994-11-06T08:49:37Z",
      "784111777",
      ""
    ]
    for (const text of texts) {
      it(`"${text}"`, () => assert.strictEqual(parseDate(text), none))
    }
  })

  it("gives the same in every time zone of the process", () => {
    const zone = process.env["TZ"]
    try {
      for (const tz of ["UTC", "Asia/Jerusalem", "Pacific/Kiritimati", "America/St_Johns"]) {
        process.env["TZ"] = tz
        assert.strictEqual(new Date(nowMillis).getTimezoneOffset() === 0, tz === "UTC")
        for (const text of Object.values(inSeconds(90))) assert.strictEqual(parse(text), 90_000)
      }
    } finally {
      if (zone === undefined) delete process.env["TZ"]
      else process.env["TZ"] = zone
    }
  })

  it("gives none, not NaN, for a two-digit year when the time is no time", () => {
    for (const now of [NaN, Infinity, -Infinity]) {
      assert.strictEqual(parseDate("Sunday, 06-Nov-94 08:49:37 GMT", now), none)
    }
  })
})

describe("RetryAfter.fromHeaders", () => {
  const epoch = nowMillis / 1000

  describe("answers each set of headers", () => {
    const rows: ReadonlyArray<
      readonly [name: string, headers: Record<string, string | ReadonlyArray<string>>, millis: number | undefined]
    > = [
      ["no header", {}, none],
      ["Retry-After in seconds", { "Retry-After": "2" }, 2000],
      ["Retry-After as a date", { "Retry-After": inSeconds(90).asctime }, 90_000],
      ["two Retry-After headers", { "Retry-After": ["2", "3"] }, none],

      ["retry-after-ms", { "retry-after-ms": "1500" }, 1500],
      ["retry-after-ms of zero", { "retry-after-ms": "0" }, 0],
      ["retry-after-ms with a fraction", { "retry-after-ms": "1500.25" }, 1501],
      ["retry-after-ms between blanks", { "retry-after-ms": " 1500\t" }, 1500],
      ["a huge retry-after-ms", { "retry-after-ms": "9".repeat(400) }, maxDelayMillis],
      ["retry-after-ms before Retry-After", { "retry-after-ms": "1500", "Retry-After": "2" }, 1500],
      ["a malformed retry-after-ms and Retry-After", { "retry-after-ms": "1e3", "Retry-After": "2" }, 2000],
      ["a negative retry-after-ms", { "retry-after-ms": "-5" }, none],
      ["a signed retry-after-ms", { "retry-after-ms": "+5" }, none],
      ["retry-after-ms without a fraction after the point", { "retry-after-ms": "5." }, none],
      ["retry-after-ms without a number before the point", { "retry-after-ms": ".5" }, none],
      ["a malformed retry-after-ms and a reset", { "retry-after-ms": "soon", "RateLimit-Reset": "5" }, none],

      ["Retry-After before RateLimit-Reset", { "Retry-After": "2", "RateLimit-Reset": "60" }, 2000],
      ["a malformed Retry-After and RateLimit-Reset", { "Retry-After": "soon", "RateLimit-Reset": "60" }, none],
      ["an empty Retry-After and RateLimit-Reset", { "Retry-After": "", "RateLimit-Reset": "60" }, none],
      ["Retry-After of zero and RateLimit-Reset", { "Retry-After": "0", "RateLimit-Reset": "60" }, 0],

      ["RateLimit-Reset in seconds", { "RateLimit-Reset": "60" }, 60_000],
      ["RateLimit-Reset, none left", { "RateLimit-Reset": "60", "RateLimit-Remaining": "0" }, 60_000],
      ["RateLimit-Reset, some left", { "RateLimit-Reset": "60", "RateLimit-Remaining": "1" }, none],
      ["RateLimit-Reset, no number left", { "RateLimit-Reset": "60", "RateLimit-Remaining": "few" }, 60_000],
      ["RateLimit-Reset in epoch seconds", { "RateLimit-Reset": String(epoch + 30) }, 30_000],
      ["RateLimit-Reset in the past", { "RateLimit-Reset": String(epoch - 30) }, 0],
      ["a malformed RateLimit-Reset", { "RateLimit-Reset": "-60" }, none],

      ["X-RateLimit-Reset in seconds", { "X-RateLimit-Reset": "60" }, 60_000],
      ["X-RateLimit-Reset in epoch seconds", { "X-RateLimit-Reset": String(epoch + 30) }, 30_000],
      ["X-RateLimit-Reset in epoch seconds with a fraction", { "X-RateLimit-Reset": `${epoch + 30}.125` }, 30_125],
      ["X-RateLimit-Reset in epoch milliseconds", { "X-RateLimit-Reset": String(nowMillis + 30_500) }, 30_500],
      ["X-RateLimit-Reset just below the threshold", { "X-RateLimit-Reset": "999999999" }, maxDelayMillis],
      ["X-RateLimit-Reset at the threshold of seconds", { "X-RateLimit-Reset": "1000000000" }, 0],
      ["X-RateLimit-Reset at the threshold of milliseconds", { "X-RateLimit-Reset": "1000000000000" }, 0],
      ["X-RateLimit-Reset, some left", { "X-RateLimit-Reset": "60", "X-RateLimit-Remaining": "41" }, none],
      ["X-RateLimit-Reset, none left", { "X-RateLimit-Reset": "60", "X-RateLimit-Remaining": "0" }, 60_000],
      ["X-Rate-Limit-Reset", { "X-Rate-Limit-Reset": String(epoch + 30), "X-Rate-Limit-Remaining": "0" }, 30_000],
      ["X-Rate-Limit-Reset, some left", { "X-Rate-Limit-Reset": "60", "X-Rate-Limit-Remaining": "3" }, none],
      ["X-RateLimit-Reset-After", { "X-RateLimit-Reset-After": "1.5" }, 1500],
      [
        "X-RateLimit-Reset-After before X-RateLimit-Reset",
        { "X-RateLimit-Reset-After": "2", "X-RateLimit-Reset": String(epoch + 30) },
        2000
      ],
      ["RateLimit-Reset before X-RateLimit-Reset", { "RateLimit-Reset": "2", "X-RateLimit-Reset": "60" }, 2000],

      ["RateLimit of draft 08, none left", { "RateLimit": "\"default\";r=0;t=30" }, 30_000],
      ["RateLimit of draft 08 with blanks", { "RateLimit": " \"default\"; r=0; t=30 " }, 30_000],
      ["RateLimit of draft 08 with a token", { "RateLimit": "default;r=0;t=30" }, 30_000],
      ["RateLimit of draft 08, some left", { "RateLimit": "\"default\";r=50;t=30" }, none],
      ["RateLimit of draft 08, unknown rest", { "RateLimit": "\"default\";t=30" }, 30_000],
      ["RateLimit of draft 08 without a time", { "RateLimit": "\"default\";r=0" }, none],
      ["RateLimit of draft 08 with a partition", { "RateLimit": "\"a\";r=0;t=30;pk=:cHJvamVjdA==:" }, 30_000],
      ["RateLimit, some left in one", { "RateLimit": "\"burst\";r=0;t=2, \"daily\";r=900;t=3600" }, 2000],
      ["RateLimit, none left in two", { "RateLimit": ["\"burst\";r=0;t=2", "\"daily\";r=0;t=3600"] }, 3_600_000],
      ["RateLimit with marks within a name", { "RateLimit": "\"a, \\\"b\\\";t=9\";r=0;t=3" }, 3000],
      ["RateLimit with a negative time", { "RateLimit": "\"default\";r=0;t=-30" }, none],
      ["RateLimit with a fraction", { "RateLimit": "\"default\";r=0;t=1.5" }, 1500],
      ["RateLimit with a negative fraction", { "RateLimit": "\"default\";r=0;t=-1.5" }, none],
      ["RateLimit of draft 07 with a fraction", { "RateLimit": "limit=100, remaining=0, reset=1.5" }, 1500],
      ["RateLimit-Reset with a fraction", { "RateLimit-Reset": "1.5", "RateLimit-Remaining": "0.0" }, 1500],
      ["RateLimit with an endless time", { "RateLimit": `"default";r=0;t=${"9".repeat(400)}` }, maxDelayMillis],
      ["RateLimit with the last of equal parameters", { "RateLimit": "\"default\";r=0;t=3;t=4" }, 4000],
      ["RateLimit of draft 07, none left", { "RateLimit": "limit=100, remaining=0, reset=5" }, 5000],
      ["RateLimit of draft 07, some left", { "RateLimit": "limit=100, remaining=50, reset=5" }, none],
      ["RateLimit of draft 07, unknown rest", { "RateLimit": "reset=5" }, 5000],
      ["a malformed RateLimit", { "RateLimit": "\"default;r=0;t=30" }, none],
      ["RateLimit with a trailing comma", { "RateLimit": "\"default\";r=0;t=30, " }, none],
      ["RateLimit with rubbish after an item", { "RateLimit": "\"default\";r=0;t=30, ;" }, none],
      ["an empty RateLimit", { "RateLimit": "" }, none],
      ["RateLimit before RateLimit-Reset", { "RateLimit": "\"a\";r=0;t=3", "RateLimit-Reset": "60" }, 3000],
      ["a malformed RateLimit and RateLimit-Reset", { "RateLimit": "?", "RateLimit-Reset": "60" }, 60_000]
    ]
    for (const [name, headers, millis] of rows) {
      it(`${name}: ${millis === none ? "none" : `${millis} ms`}`, () => {
        assert.strictEqual(fromHeaders(headers), millis)
      })
    }
  })

  it("measures every kind of date against the response's own Date header", () => {
    const serverMillis = nowMillis - 7 * 86_400_000
    const later = format(serverMillis + 10_000)
    for (const date of Object.values(format(serverMillis))) {
      assert.strictEqual(fromHeaders({ "Date": date, "Retry-After": later.imf }), 10_000)
      assert.strictEqual(fromHeaders({ "Date": date, "Retry-After": later.rfc850 }), 10_000)
      assert.strictEqual(fromHeaders({ "Date": date, "Retry-After": later.asctime }), 10_000)
      assert.strictEqual(fromHeaders({ "Date": date, "X-RateLimit-Reset": String(serverMillis / 1000 + 10) }), 10_000)
    }
  })

  it("measures a date in an answer of a cache against Date and Age", () => {
    const serverMillis = nowMillis - 7 * 86_400_000
    const cached = { "Date": format(serverMillis).imf, "Age": "3600" }
    assert.strictEqual(fromHeaders({ ...cached, "Retry-After": format(serverMillis + 3_610_000).imf }), 10_000)
    assert.strictEqual(fromHeaders({ ...cached, "Retry-After": format(serverMillis + 10_000).imf }), 0)
    assert.strictEqual(fromHeaders({ ...cached, "X-RateLimit-Reset": String(serverMillis / 1000 + 3610) }), 10_000)
    const used = { ...cached, "X-RateLimit-Reset": String(serverMillis / 1000 + 3610), "X-RateLimit-Remaining": "0" }
    const replenished = RetryAfter.untilReplenished(Headers.fromInput(used), { nowMillis })
    assert.deepStrictEqual(Option.map(replenished, Duration.toMillis), Option.some(10_000))
  })

  it("does not add Age to a number of seconds, nor to the local clock", () => {
    assert.strictEqual(fromHeaders({ "Date": inSeconds(0).imf, "Age": "3600", "Retry-After": "7" }), 7000)
    assert.strictEqual(fromHeaders({ "Age": "3600", "Retry-After": inSeconds(10).imf }), 10_000)
  })

  it("ignores an Age that is no whole number of seconds up to 2^31", () => {
    const retryAt = inSeconds(100).imf
    for (
      const age of [
        "-1",
        "+1",
        "1.5",
        "1e3",
        "0x10",
        "",
        " ",
        "soon",
        "1, 2",
        "2147483649",
        "9999999999",
        "9".repeat(400)
      ]
    ) {
      assert.strictEqual(fromHeaders({ "Date": inSeconds(0).imf, "Age": age, "Retry-After": retryAt }), 100_000, age)
    }
    for (const age of [" 10\t", "010"]) {
      assert.strictEqual(fromHeaders({ "Date": inSeconds(0).imf, "Age": age, "Retry-After": inSeconds(15).imf }), 5000)
    }
    assert.strictEqual(fromHeaders({ "Date": inSeconds(0).imf, "Age": "2147483648", "Retry-After": retryAt }), 0)
  })

  it("measures against the local clock where the Date header is malformed", () => {
    assert.strictEqual(fromHeaders({ "Date": "yesterday", "Retry-After": inSeconds(10).imf }), 10_000)
  })
})

describe("RetryAfter.shouldRetry", () => {
  const shouldRetry = (value: string) => RetryAfter.shouldRetry(Headers.fromInput({ "X-Should-Retry": value }))

  it("reads true and false", () => {
    assert.deepStrictEqual(shouldRetry("true"), Option.some(true))
    assert.deepStrictEqual(shouldRetry("false"), Option.some(false))
    assert.deepStrictEqual(shouldRetry(" false\t"), Option.some(false))
  })

  it("does not guess at anything else", () => {
    assert.deepStrictEqual(RetryAfter.shouldRetry(Headers.empty), Option.none())
    for (const value of ["", "1", "0", "True", "yes", "true, false", "?1"]) {
      assert.deepStrictEqual(shouldRetry(value), Option.none())
    }
  })
})

describe("no header value whatever", () => {
  const digits = fc.array(fc.constantFrom(..."0123456789"), { maxLength: 500 }).map((all) => all.join(""))
  const scraps = fc.constantFrom(
    ..."0123456789-+.,;:=\"\\ \t",
    ...shortDays,
    ...longDays,
    ...months,
    "GMT",
    "1994",
    "06",
    "08:49:37",
    "r=0",
    "t=",
    "limit=",
    "remaining=0",
    "reset=",
    "\"default\"",
    "1e3",
    "0x10",
    "Infinity",
    "NaN",
    "\u00a0",
    "\n"
  )
  const headerLike = fc.array(scraps, { maxLength: 12, size: "max" }).map((all) => all.join(""))
  const dates = fc.date({ noInvalidDate: true }).chain((date) =>
    fc.constantFrom(...Object.values(format(date.getTime())))
  )
  const values = fc.oneof(
    fc.string({ unit: "binary", size: "max", maxLength: 100 }),
    digits,
    headerLike,
    dates,
    fc.tuple(fc.constantFrom("\"a\";r=0;t=", "limit=1, remaining=0, reset="), digits).map((all) => all.join(""))
  )
  const anyMillis = fc.oneof(fc.double(), fc.integer({ min: 0, max: 4e12 }))

  const isWait = (wait: Option.Option<Duration.Duration>) => {
    if (Option.isNone(wait)) return
    const millis = Duration.toMillis(wait.value)
    assert.isTrue(Number.isInteger(millis) && millis >= 0 && millis <= maxDelayMillis, String(millis))
  }

  it("makes parse throw, or give a wait that is negative, no number or beyond a timer", () => {
    fc.assert(
      fc.property(values, anyMillis, fc.option(anyMillis, { nil: undefined }), (value, now, dateMillis) => {
        isWait(RetryAfter.parse(value, { nowMillis: now, dateMillis }))
      }),
      { numRuns: 5000 }
    )
  })

  it("makes parseHttpDate throw or give no number", () => {
    fc.assert(
      fc.property(values, anyMillis, (value, now) => {
        const date = parseDate(value, now)
        assert.isTrue(date === undefined || Number.isFinite(date))
      }),
      { numRuns: 5000 }
    )
  })

  it("makes fromHeaders throw, or give a wait that is negative, no number or beyond a timer", () => {
    const names = [
      "date",
      "age",
      "retry-after",
      "retry-after-ms",
      "ratelimit",
      "ratelimit-reset",
      "ratelimit-remaining",
      "x-ratelimit-reset",
      "x-ratelimit-reset-after",
      "x-ratelimit-remaining",
      "x-rate-limit-reset",
      "x-rate-limit-remaining"
    ]
    const headers = fc.dictionary(fc.constantFrom(...names), values, { size: "max", maxKeys: 4 })
    fc.assert(
      fc.property(headers, anyMillis, (headers, now) => {
        isWait(RetryAfter.fromHeaders(Headers.fromInput(headers), { nowMillis: now }))
      }),
      { numRuns: 5000 }
    )
  })

  it("costs more than a pass over it", () => {
    const long = 200_000
    const hostile = [
      " ".repeat(long) + "x",
      "1" + " ".repeat(long) + "x",
      "9".repeat(long) + "x",
      "\"" + "\\\"".repeat(long),
      "a" + ";a".repeat(long) + "=",
      "a" + ";a=a".repeat(long) + "=",
      "a,".repeat(long),
      "a=".repeat(long)
    ]
    for (const value of hostile) {
      for (const name of ["retry-after", "retry-after-ms", "ratelimit", "ratelimit-reset"]) {
        assert.strictEqual(fromHeaders({ [name]: value }), none)
      }
    }
  })
})
